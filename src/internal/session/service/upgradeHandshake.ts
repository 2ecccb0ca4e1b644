/**
 * The request that changes the protocol of its connection (RFC 9110 section 7.8), for WebSockets and other protocols.
 */
import type * as Duration from "effect/Duration"
import type * as Fiber from "effect/Fiber"
import type { HandshakeOptions, RequestOptions, UrlInput } from "../../../ClientRequest.js"
import { InvalidRequest } from "../../../Errors.js"
import { isMisread, toMillis } from "../../durations.js"
import { isFault, mergeFields, type OptionFault, type Pair, withoutFields } from "../../http/headerFields.js"
import { mergeOptions } from "../../request/mergeOptions.js"
import { type PrepareError, prepare } from "../../request/prepare.js"
import { PreparedRequest } from "../../request/preparedRequest.js"
import type { RequestContext } from "../requestEffect.js"

/**
 * Overrides options of the context. A handshake does not send their body, does not follow redirects, and checks the
 * status itself.
 */
const fixed: RequestOptions = {
  json: undefined,
  text: undefined,
  data: undefined,
  compress: undefined,
  chunked: undefined,
  expect100: undefined,
  onProgress: undefined,
  allowRedirects: false,
  raiseForStatus: false
}

/** Merges the options of the context with those of the caller. Excludes options that do not apply to a handshake. */
const handshakeOptions = (current: RequestOptions, given: HandshakeOptions, url: UrlInput): RequestOptions => ({
  ...mergeOptions(
    current,
    {
      params: given.params,
      headers: given.headers,
      cookies: given.cookies,
      auth: given.auth,
      proxy: given.proxy,
      proxyAuth: given.proxyAuth,
      proxyHeaders: given.proxyHeaders,
      ssl: given.ssl,
      serverHostname: given.serverHostname,
      timeout: given.timeout,
      traceRequestCtx: given.traceRequestCtx,
      urlTemplate: given.urlTemplate,
      middlewares: given.middlewares,
      skipAutoHeaders: given.skipAutoHeaders
    },
    url
  ),
  ...fixed
})

/** How the request of a handshake is prepared. */
export interface Handshake {
  /** The plural that errors name. */
  readonly subject: "upgrades" | "WebSockets"
  readonly method: string
  readonly body: Pick<RequestOptions, "data" | "json" | "text">
}

/** Prepares the request of a handshake. Returns it with the plan that `planOf` makes of its options, or an error. */
export const handshakeRequest = <Options extends HandshakeOptions, Plan extends object>(
  session: RequestContext,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  url: UrlInput,
  options: Options,
  { body, method, subject }: Handshake,
  planOf: (options: Options) => Plan | OptionFault
): { readonly request: PreparedRequest; readonly plan: Plan } | PrepareError => {
  const plan = planOf(options)
  const current = session.current(fiber.currentContext) ?? {}
  const given = { ...handshakeOptions(current, options, url), ...body }
  const request = prepare(session.defaults, method, url, given, subject === "WebSockets")
  if (!(request instanceof PreparedRequest)) return request
  if (isFault(plan)) return new InvalidRequest({ ...request.details, ...plan })
  const { http, version } = session.defaults
  if (version === "1.0" || http === "2") {
    const description = `expected "1.1", the version of ${subject}, got "${http === "2" ? http : version}"`
    return new InvalidRequest({ ...request.details, option: "version", description })
  }
  return { request, plan }
}

/** Replaces the fields named in `replaced` by `pairs`. */
export const withHandshake = (request: PreparedRequest, replaced: ReadonlySet<string>, pairs: ReadonlyArray<Pair>) =>
  mergeFields(
    withoutFields(request.fields, (name) => replaced.has(name)),
    { pairs, secret: new Set() }
  )

/** A duration in milliseconds, `otherwise` if there is none, or `undefined` if the input is invalid. */
export const millisOf = (input: Duration.DurationInput | undefined, otherwise: number): number | undefined => {
  if (input === undefined) return otherwise
  if (isMisread(input)) return undefined
  try {
    return toMillis(input)
  } catch {
    return undefined
  }
}

export const notDuration = (option: string, kind: string): OptionFault => ({
  option,
  description: `expected a ${kind}`
})
