/** The head of a response. Each part is parsed when it is first used. */
import type * as Cookies from "@effect/platform/Cookies"
import type * as Headers from "@effect/platform/Headers"
import * as Option from "effect/Option"
import type { ContentDisposition, Deviation, Link, RequestInfo, ResponseHead } from "../../ClientResponse.js"
import { fromLines } from "../cookies/responseCookies.js"
import { InspectableClass } from "../effect/printing.js"
import { shownRecord } from "../http/concealedHeaders.js"
import * as Disposition from "../http/contentDisposition.js"
import * as Links from "../http/links.js"
import * as MediaType from "../http/mediaType.js"
import { headersOf } from "../http/platformHeaders.js"
import { conceal } from "../inspection.js"
import { redactUrl } from "../redact.js"
import { deviationsOf } from "../transport/deviations.js"
import type { Head } from "../transport/transport.js"

/** The request behind a response head. */
export interface HeadSource {
  readonly method: string
  /** Without fragment and userinfo. */
  readonly url: string
  /** With the fragment. */
  readonly realUrl: string
  /** Called at most once. */
  requestInfo(): RequestInfo
  /** The request as it was written, if known. Signals retain it instead of the whole source. */
  written?(): WrittenRequest
}

/** A request as it was written. */
export interface WrittenRequest {
  readonly target: { readonly url: string; readonly realUrl: string }
  /** The serialized header lines. */
  readonly head: string
  /** Lower-case names of headers with secret values. */
  readonly secret: ReadonlySet<string>
}

/**
 * The same info, which prints URLs and headers without secrets. `secret` has the names of additional secret headers.
 */
export const concealInfo = (info: RequestInfo, secret: ReadonlySet<string>): RequestInfo => {
  const names = [...secret]
  const shownHeaders = () => shownRecord(info.headers, names)
  if (names.length > 0) conceal(info.headers, shownHeaders)
  return conceal(info, () => ({
    ...info,
    url: redactUrl(info.url),
    realUrl: redactUrl(info.realUrl),
    headers: shownHeaders()
  }))
}

export class ResponseHeadView extends InspectableClass implements ResponseHead {
  protected readonly head: Head
  private readonly headSource: HeadSource
  /**
   * Deviations in the framing of the body, as bits of `deviations.ts`. Empty in a view made before the body was read.
   */
  private readonly bodyDeviations: number
  private builtHeaders: Headers.Headers | undefined = undefined
  private builtCookies: Cookies.Cookies | undefined = undefined
  private builtInfo: RequestInfo | undefined = undefined
  private builtMediaType: MediaType.MediaType | undefined = undefined

  constructor(head: Head, source: HeadSource, bodyDeviations = 0) {
    super()
    this.head = head
    this.headSource = source
    this.bodyDeviations = bodyDeviations
  }

  get status(): number {
    return this.head.status
  }
  get reason(): string {
    return this.head.reason
  }
  get version(): Head["version"] {
    return this.head.version
  }
  get ok(): boolean {
    return this.head.status < 400
  }
  get method(): string {
    return this.headSource.method
  }
  get url(): string {
    return this.headSource.url
  }
  get realUrl(): string {
    return this.headSource.realUrl
  }

  get headers(): Headers.Headers {
    const head = this.head
    this.builtHeaders ??= headersOf(
      head.count,
      (index) => head.name(index),
      (index) => head.value(index)
    )
    return this.builtHeaders
  }
  header(name: string): Option.Option<string> {
    return Option.fromNullable(this.head.get(name.toLowerCase()))
  }
  headerValues(name: string): ReadonlyArray<string> {
    return this.head.getAll(name.toLowerCase())
  }
  get rawHeaders(): ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]> {
    return this.head.raw()
  }

  get cookies(): Cookies.Cookies {
    this.builtCookies ??= fromLines(this.head.getAll("set-cookie"))
    return this.builtCookies
  }
  get links(): ReadonlyMap<string, Link> {
    return Links.parse(this.head.getAll("link"), this.headSource.url)
  }
  get mediaType(): MediaType.MediaType {
    this.builtMediaType ??= MediaType.parse(this.typeText)
    return this.builtMediaType
  }
  /** The values of Content-Type as received, joined by ", "; `undefined` if the server sent none. */
  get typeText(): string | undefined {
    return this.head.typeText
  }
  get contentType(): string {
    return this.mediaType.essence
  }
  get charset(): Option.Option<string> {
    return Option.fromNullable(this.mediaType.charset)
  }
  get contentLength(): Option.Option<number> {
    const value = this.head.get("content-length")
    if (value === undefined || !/^\d+$/.test(value)) return Option.none()
    const length = Number(value)
    return Number.isSafeInteger(length) ? Option.some(length) : Option.none()
  }
  get lengthVerified(): boolean {
    return this.head.lengthVerified
  }
  get toleratesTruncatedCoding(): boolean {
    return this.head.toleratesTruncatedCoding
  }
  get deviations(): ReadonlyArray<Deviation> {
    return deviationsOf(this.deviationBits)
  }
  protected get deviationBits(): number {
    return this.head.deviations | this.bodyDeviations
  }
  get contentDisposition(): Option.Option<ContentDisposition> {
    return Disposition.parse(this.head.get("content-disposition"))
  }
  get requestInfo(): RequestInfo {
    this.builtInfo ??= this.headSource.requestInfo()
    return this.builtInfo
  }

  /** The first Location header. */
  get location(): string | undefined {
    return this.head.get("location")
  }

  /** Applies `make` to the head and its source. */
  view<A>(make: (head: Head, source: HeadSource) => A): A {
    return make(this.head, this.headSource)
  }

  /** A copy of the head that does not retain the body or the request. */
  toHead(): ResponseHead {
    const { method, realUrl, url } = this.headSource
    const info = this.requestInfo
    return new ResponseHeadView(this.head, { method, url, realUrl, requestInfo: () => info }, this.deviationBits)
  }

  toJSON(): unknown {
    return this.shown("ResponseHead")
  }

  protected shown(name: string): object {
    return {
      _id: `effect-http-session/${name}`,
      status: this.status,
      reason: this.reason,
      version: this.version,
      method: this.method,
      url: redactUrl(this.realUrl),
      headers: shownRecord(this.headers)
    }
  }
}
