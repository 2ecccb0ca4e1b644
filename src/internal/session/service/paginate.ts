/** Requests one page after the other. The URL of the next page is subject to the rules of redirects. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RequestOptions, UrlInput } from "../../../ClientRequest.js"
import type { ClientResponse, ResponseHead } from "../../../ClientResponse.js"
import { type ClientError, InvalidURL } from "../../../Errors.js"
import type { PageOptions } from "../../../Session.js"
import { repeated } from "../../effect/streams.js"
import { sameOrigin } from "../../http/origin.js"
import { parseUrl } from "../../http/whatwg.js"
import { isSecretHeader } from "../../redact.js"
import { entriesOf, mergeOptions } from "../../request/mergeOptions.js"
import { type PrepareError, prepare } from "../../request/prepare.js"
import { PreparedRequest } from "../../request/preparedRequest.js"
import { Response } from "../../response/response.js"
import { nextRequest } from "../redirects.js"
import { type FindSession, type Prepare, sendValue } from "../requestEffect.js"

/** How many URLs are remembered to detect loops. A longer loop is not detected. */
const remembered = 10_000

/** The state of one pagination. */
class Pages<A> {
  /** URL and options of the current page, for sessions that this package did not make. */
  url: UrlInput
  options: RequestOptions
  private readonly next: NonNullable<PageOptions<A>["next"]>
  private readonly seen = new Set<string>()
  /** The prepared request of the current page. */
  private last: PreparedRequest | undefined = undefined

  constructor(url: UrlInput, { next, ...options }: PageOptions<A>) {
    this.url = url
    this.options = options
    this.next = next ?? nextLink
  }

  /** Prepares the request for the current page. */
  readonly prepare: Prepare = (session, fiber) => {
    const made =
      this.last === undefined
        ? prepare(
            session.defaults,
            "GET",
            this.url,
            mergeOptions(session.current(fiber.currentContext) ?? {}, this.options, this.url)
          )
        : requestForPage(this.last, String(this.url))
    if (made instanceof PreparedRequest) {
      this.last = made
      this.remember(made.url)
    }
    return made
  }

  /** Moves to the next page. Returns `false` if this page is the last, or the next one was visited before. */
  follow(page: A, response: ClientResponse): boolean {
    const found = this.next(page, response instanceof Response ? response.toHead() : response)
    this.remember(response.url)
    if (Option.isNone(found)) return false
    const target = resolve(String(found.value), response.url)
    if (this.seen.has(withoutFragment(target))) return false
    // After a redirect to another origin, later pages must not get more than that origin got.
    const moved = this.last === undefined ? undefined : requestForPage(this.last, response.url)
    if (moved instanceof PreparedRequest) this.last = moved
    if (originOf(target) !== originOf(String(this.url)) || originOf(target) !== originOf(response.url)) {
      this.options = withoutCredentials(this.options)
    }
    this.url = target
    return true
  }

  private remember(url: string): void {
    this.seen.add(withoutFragment(url))
    if (this.seen.size <= remembered) return
    for (const oldest of this.seen) {
      this.seen.delete(oldest)
      return
    }
  }
}

const nextLink = (_: unknown, response: ResponseHead): Option.Option<string> =>
  Option.map(Option.fromNullable(response.links.get("next")), (link) => link.url)

const withoutFragment = (url: string): string => url.replace(/#.*$/s, "")

const resolve = (url: string, base: string): string => {
  return parseUrl(url, base)?.href ?? url
}

const originOf = (url: string): string | undefined => parseUrl(url)?.origin

/** The same request to another URL, by the rules of redirects: credentials stay at their origin. */
const requestForPage = (request: PreparedRequest, url: string): PreparedRequest | PrepareError => {
  const made = nextRequest(request, 307, url)
  if (made instanceof InvalidURL) {
    return new InvalidURL({ url: made.url, reason: made.reason, description: made.description })
  }
  if (!(made instanceof PreparedRequest)) return made
  // `hop` records only whether the request is still at its first origin, so that each page may be redirected equally
  // often.
  const isAtFirstOrigin = request.hop === 0 && sameOrigin(request.target.origin, made.target.origin)
  // Credentials, including those of netrc, must not go from https to http.
  const downgrade = request.target.origin.scheme === "https" && made.target.origin.scheme === "http"
  return made.derive({ hop: isAtFirstOrigin ? 0 : 1, ...(downgrade ? { given: { ...made.given, auth: false } } : {}) })
}

const withoutCredentials = (options: RequestOptions): RequestOptions => {
  const { auth: _, cookies: __, headers, serverHostname: ___, ssl: ____, ...rest } = options
  const kept: Array<readonly [string, string]> = []
  for (const [name, value] of entriesOf(headers ?? [])) {
    if (typeof value === "string" && !isSecretHeader(name)) kept.push([name, value])
  }
  return { ...rest, headers: kept }
}

/**
 * A stream of the result of `page` for each response. Each response is released before the next request is sent. `find`
 * gets the URL and the options, because sessions that this package did not make need them.
 */
export const paginate = <A, E, R, S>(
  url: UrlInput,
  page: (response: ClientResponse) => Effect.Effect<A, E, R>,
  options: PageOptions<A>,
  find: (url: UrlInput, options: RequestOptions) => FindSession<S>
): Stream.Stream<A, ClientError | E, S | Exclude<R, Scope>> =>
  Stream.suspend(() => {
    const pages = new Pages(url, options)
    const request = sendValue((fiber) => find(pages.url, pages.options)(fiber), pages.prepare)
    const readPage = Effect.scoped(
      Effect.flatMap(request, (response) =>
        Effect.map(page(response), (value): readonly [A, boolean] => [value, !pages.follow(value, response)])
      )
    )
    return repeated(readPage)
  })
