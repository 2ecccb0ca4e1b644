/** The parts shared by requests that change the protocol of their connection (RFC 9110 section 7.8). */
import type * as Duration from "effect/Duration"
import type { HandshakeOptions, RequestOptions, UrlInput } from "../../../ClientRequest.js"
import { isMisread, toMillis } from "../../durations.js"
import { mergeFields, type OptionFault, type Pair, withoutFields } from "../../http/headerFields.js"
import { mergeOptions } from "../../request/mergeOptions.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"

/** The handshake does not have a body, does not follow redirects, and checks the status itself. */
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

/** The options of the context and those given, without options that do not apply to a handshake. */
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

/** The request's headers, with `pairs` in place of the fields that `owned` names. */
export const withHandshake = (request: PreparedRequest, owned: ReadonlySet<string>, pairs: ReadonlyArray<Pair>) =>
  mergeFields(
    withoutFields(request.fields, (name) => owned.has(name)),
    { pairs, secret: new Set() }
  )

/** A duration in milliseconds, or `undefined` if the input is not a duration. */
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
