/** The immutable request that middlewares see and the pipeline sends. */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import * as Redacted from "effect/Redacted"
import type { Credentials } from "../../Auth.js"
import type {
  ClientRequest,
  TypeId as ClientRequestTypeId,
  CommonOptions,
  HeadersInput,
  RequestOptions
} from "../../ClientRequest.js"
import type { Details, InvalidRequest, InvalidURL, RequestBodyError } from "../../Errors.js"
import type { Middleware } from "../../Middleware.js"
import type * as Proxy from "../../Proxy.js"
import type { SessionOptions } from "../../Session.js"
import type { Ssl } from "../../Ssl.js"
import type { Timeouts } from "../../Timeouts.js"
import type { SpanOptions } from "../../Tracing.js"
import { contentOf } from "../effect/bodies.js"
import { format, NodeInspectSymbol } from "../effect/printing.js"
import { type Fields, getField, type Pairs } from "../http/headerFields.js"
import type { Target } from "../http/target.js"
import { conceal } from "../inspection.js"
import type { Limits } from "../limits.js"
import { defined } from "../ownOptions.js"
import { redactHeaders, redactUrl } from "../redact.js"
import type { BodySettings } from "../response/responseSource.js"
import type { Route, WireRequest } from "../transport/transport.js"
import type { RecentRequests } from "./recentRequests.js"
import { concealOptions } from "./shownOptions.js"

export const TypeId: ClientRequestTypeId = "~effect-http-session/ClientRequest"

/** The options of a session, validated and converted when the session is made. Every request starts from them. */
export interface Defaults {
  readonly options: RequestOptions
  readonly base: Target | undefined
  readonly fields: Fields
  /** The fields without credentials, for other origins than that of `baseUrl`. */
  readonly openFields: Fields
  readonly auth: Credentials | undefined
  /** The cookies of the session, which are added to the jar. */
  readonly cookies: Pairs
  readonly timeouts: Timeouts
  readonly limits: Limits
  /** Lower-case names of automatic headers to skip. */
  readonly skip: ReadonlySet<string>
  /** The version in request lines of HTTP/1. */
  readonly version: "1.0" | "1.1"
  /** The version that connections must speak; "any" leaves it to the connector. */
  readonly http: Route["version"]
  readonly jsonSerialize: ((value: unknown) => string | Uint8Array) | undefined
  readonly requoteRedirectUrl: boolean
  readonly fallbackCharset: SessionOptions["fallbackCharset"]
  /** Whether requests without headers of their own can use the lines `fixedLinesBefore` and `fixedLinesAfter`. */
  readonly hasFixedLines: boolean
  /** The User-Agent for proxies; `undefined` if the session omits the header or its value is secret. */
  readonly userAgent: string | undefined
  /** Header lines before those of the body. */
  readonly fixedLinesBefore: string
  /** Header lines after those of the body. */
  readonly fixedLinesAfter: string
  /** Cache of prepared GET requests without options, by URL. */
  readonly recent: RecentRequests<PreparedRequest>
  /** Whether the session has trace configs. */
  readonly traced: boolean
  readonly spans: SpanOptions | false | undefined
  /**
   * Whether requests use the proxies and the netrc file of the environment, which the session read when it was made.
   */
  readonly trustEnv: boolean
}

/** The fields of a prepared request. */
export interface State {
  readonly defaults: Defaults
  readonly given: RequestOptions
  readonly method: string
  readonly target: Target
  /** The merged headers of session and request, without automatic ones. */
  readonly fields: Fields
  readonly body: HttpBody.HttpBody
  readonly limits: Limits
  /** Credentials for the Authorization header, unless the fields contain that header. */
  readonly auth: Credentials | undefined
  /** The cookies of the request itself, in addition to those of the jar. */
  readonly cookies: Pairs
  readonly serverHostname: string | undefined
  readonly hop: number
  /** The error of an edit that made the request invalid. Sending the request fails with it. */
  readonly fault: InvalidURL | InvalidRequest | RequestBodyError | undefined
}

/** The default of the option `maxRedirects`. */
const maxRedirects = 10

const noMiddlewares: ReadonlyArray<Middleware> = []

export class PreparedRequest extends Pipeable.Class() implements ClientRequest, State {
  readonly [TypeId]: ClientRequestTypeId
  readonly defaults: Defaults
  readonly given: RequestOptions
  readonly method: string
  readonly target: Target
  readonly fields: Fields
  readonly body: HttpBody.HttpBody
  readonly limits: Limits
  readonly auth: Credentials | undefined
  readonly cookies: Pairs
  readonly serverHostname: string | undefined
  readonly hop: number
  readonly fault: State["fault"]
  /** The cached result of `toWire`, if it depends only on this request. */
  plainWire: WireRequest | undefined = undefined
  /** The cached settings for the response body. */
  bodySettings: BodySettings | undefined = undefined
  private concealedHeaders: Pairs | undefined = undefined

  constructor(state: State) {
    super()
    this[TypeId] = TypeId
    this.defaults = state.defaults
    this.given = state.given
    this.method = state.method
    this.target = state.target
    this.fields = state.fields
    this.body = state.body
    this.limits = state.limits
    this.auth = state.auth
    this.cookies = state.cookies
    this.serverHostname = state.serverHostname
    this.hop = state.hop
    this.fault = state.fault
  }

  get url(): string {
    return this.target.url
  }

  get redactedUrl(): string {
    return redactUrl(this.url)
  }

  /** A copy of the headers that prints with secrets redacted; `fields` has the real values. */
  get headers(): Pairs {
    this.concealedHeaders ??= concealPairs(this.fields)
    return this.concealedHeaders
  }

  header(name: string): Option.Option<string> {
    return Option.fromNullable(getField(this.fields.pairs, name.toLowerCase()))
  }

  /** The options of session and request that apply to this hop. */
  get options(): RequestOptions {
    const { auth, cookies, headers, serverHostname, ...given } = this.given
    const { auth: sessionAuth, cookies: sessionCookies, headers: sessionHeaders, ...common } = this.defaults.options
    return concealOptions({
      ...common,
      ...defined(given),
      headers: this.shownFields(),
      ...(this.auth !== undefined ? { auth: this.auth } : this.noAuth ? { auth: false as const } : {}),
      ...(this.cookies.length > 0 ? { cookies: this.cookies } : {}),
      ...(this.serverHostname !== undefined ? { serverHostname: this.serverHostname } : {})
    })
  }

  private shownFields(): HeadersInput {
    const { pairs, secret } = this.fields
    if (secret.size === 0) return pairs
    return pairs.map(([name, value]) => [name, secret.has(name.toLowerCase()) ? Redacted.make(value) : value] as const)
  }

  /** Lower-case names of headers that were given as `Redacted`. */
  get secretHeaders(): ReadonlySet<string> {
    return this.fields.secret
  }

  get follow(): boolean {
    return this.given.allowRedirects ?? this.method !== "HEAD"
  }

  get maxRedirects(): number {
    return this.given.maxRedirects ?? maxRedirects
  }

  /** Whether `auth: false` was given, which also turns off netrc. */
  get noAuth(): boolean {
    return this.given.auth === false || (this.given.auth === undefined && this.defaults.options.auth === false)
  }

  get autoDecompress(): boolean {
    return this.given.autoDecompress ?? this.defaults.options.autoDecompress ?? true
  }

  get maxBodySize(): number {
    return this.given.maxBodySize ?? this.defaults.options.maxBodySize ?? Infinity
  }

  get errorBodySize(): number {
    return this.given.errorBodySize ?? this.defaults.options.errorBodySize ?? 64 * 1024
  }

  get raiseForStatus(): NonNullable<CommonOptions["raiseForStatus"]> {
    return this.given.raiseForStatus ?? this.defaults.options.raiseForStatus ?? false
  }

  get middlewares(): ReadonlyArray<Middleware> {
    return this.given.middlewares ?? this.defaults.options.middlewares ?? noMiddlewares
  }

  get onRedirect(): CommonOptions["onRedirect"] {
    return this.given.onRedirect ?? this.defaults.options.onRedirect
  }

  get ssl(): Ssl | undefined {
    return this.given.ssl ?? this.defaults.options.ssl
  }

  /** Whether the request or its session has a proxy. */
  get hasProxy(): boolean {
    return this.given.proxy !== undefined || this.defaults.options.proxy !== undefined
  }

  /** The proxy, its credentials and its headers. A proxy of the request never gets those for the session's proxy. */
  get proxy(): {
    readonly proxy: Proxy.Input | undefined
    readonly proxyAuth: Credentials | undefined
    readonly proxyHeaders: HeadersInput | undefined
  } {
    const { given } = this
    const session = this.defaults.options
    const source = given.proxy === undefined ? session : given
    return {
      proxy: source.proxy,
      proxyAuth: given.proxyAuth ?? source.proxyAuth,
      proxyHeaders: given.proxyHeaders ?? source.proxyHeaders
    }
  }

  /** A copy with some fields changed. */
  derive(changes: Partial<State>): PreparedRequest {
    return new PreparedRequest({ ...this, ...changes })
  }

  /** The details of the request for errors. */
  get details(): Details {
    return detailsOf(this.method, this.target)
  }

  toJSON(): unknown {
    const { body } = this
    return {
      _id: "effect-http-session/ClientRequest",
      method: this.method,
      url: this.redactedUrl,
      headers: redactHeaders(this.fields.pairs, this.fields.secret),
      body: { _tag: body._tag, ...contentOf(body) },
      hop: this.hop
    }
  }

  override toString(): string {
    return format(this.toJSON())
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

/** A copy of header lines that prints with secrets redacted. */
const concealPairs = ({ pairs, secret }: Fields): Pairs => conceal([...pairs], () => redactHeaders(pairs, secret))

/** The details of a request for errors. */
export const detailsOf = (method: string, target: Target): Details => ({
  method,
  url: redactUrl(target.url),
  host: target.origin.host,
  port: target.origin.port
})
