/**
 * What requests that change the protocol of their connection have in common (RFC 9110, section 7.8).
 */
import * as Duration from "effect/Duration"
import type { RequestOptions, UrlInput } from "../../ClientRequest.js"
import { type Fault, mergeFields, type Pair, withoutFields } from "../http/headerFields.js"
import { mergeOptions } from "../request/mergeOptions.js"
import type { Prepared } from "../request/preparedRequest.js"

/** The options of a request that hold for its handshake, whatever it carries. */
export type HandshakeOptions = Pick<
  RequestOptions,
  | "params"
  | "headers"
  | "cookies"
  | "auth"
  | "proxy"
  | "proxyAuth"
  | "proxyHeaders"
  | "ssl"
  | "serverHostname"
  | "timeout"
  | "traceRequestCtx"
  | "urlTemplate"
  | "middlewares"
  | "skipAutoHeaders"
>

/** A handshake is not followed, and its status is judged by who makes it. */
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

/** The options of the context and those given, without what a handshake does not have. */
export const handshakeOptions = (current: RequestOptions, given: HandshakeOptions, url: UrlInput): RequestOptions => ({
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

/** The request's headers with these in place of all that `owned` names. */
export const withHandshake = (request: Prepared, owned: ReadonlySet<string>, pairs: ReadonlyArray<Pair>) =>
  mergeFields(
    withoutFields(request.fields, (name) => owned.has(name)),
    { pairs, secret: new Set() }
  )

/** Milliseconds; `undefined` for what is no duration. */
export const toMillis = (input: Duration.DurationInput | undefined, otherwise: number): number | undefined => {
  if (input === undefined) return otherwise
  if (typeof input === "number" && !(input >= 0)) return undefined
  try {
    return Duration.toMillis(Duration.decode(input))
  } catch {
    return undefined
  }
}

export const notTime = (option: string): Fault => ({ option, description: "it is no duration that can be waited for" })
