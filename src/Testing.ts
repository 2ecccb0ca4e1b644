/**
 * Faults, expectations, cassettes and a server that misbehaves on purpose.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Scope } from "effect/Scope"
import { Connector, TypeId as ConnectorTypeId, layerMock, type MockCalls, type MockHandler } from "./Connector.js"
import { type CookieJar, layer as layerCookieJar } from "./CookieJar.js"
import type {
  ClientConnectorCertificateError,
  ClientConnectorDNSError,
  ClientConnectorError,
  ClientConnectorSSLError,
  ServerDisconnectedError
} from "./Errors.js"
import { fromAnswering } from "./internal/mock/mockTransport.js"
import { Expected } from "./internal/testing/expectations.js"
import { fromScripts } from "./internal/testing/faultServer.js"
import * as Faults from "./internal/testing/faults.js"
import { record } from "./internal/testing/recorder.js"
import { replaying } from "./internal/testing/replayer.js"
import { serviceOf } from "./internal/transport/connectorService.js"
import { TransportHandle, transportOf } from "./internal/transport/transportHandle.js"
import { layerWithoutDependencies, type Session, type SessionOptions } from "./Session.js"
import type { Pem } from "./Ssl.js"

/**
 * What a handler of `Connector.layerMock` can return to be a network that fails. The errors tell of the request that
 * meets them.
 *
 * - `refused`: nobody listens.
 * - `dnsNotFound`: the name does not exist.
 * - `certificateExpired`, `wrongHost`: TLS does not verify.
 * - `disconnected`: the connection ends before a response.
 * - `stall`: no answer, until a timeout.
 * - `resetAfter`: a 200 with this start of a body, which is then cut.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { ClientResponse, Connector, CookieJar, Session, Testing } from "effect-http-session"
 *
 * const Refused = Session.layerWithoutDependencies().pipe(
 *   Layer.provide([Connector.layerMock(() => Testing.faults.refused), CookieJar.layer()])
 * )
 *
 * // The error is a ClientConnectorError with code "ECONNREFUSED".
 * export const error = Session.get("https://api.example/").pipe(
 *   ClientResponse.text,
 *   Effect.flip,
 *   Effect.provide(Refused)
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const faults: {
  readonly refused: Effect.Effect<never, ClientConnectorError>
  readonly dnsNotFound: Effect.Effect<never, ClientConnectorDNSError>
  readonly certificateExpired: Effect.Effect<never, ClientConnectorSSLError>
  readonly wrongHost: Effect.Effect<never, ClientConnectorCertificateError>
  readonly disconnected: Effect.Effect<never, ServerDisconnectedError>
  readonly stall: Effect.Effect<never>
  readonly resetAfter: (body: string | Uint8Array) => Response
} = {
  refused: Faults.refused,
  dnsNotFound: Faults.dnsNotFound,
  certificateExpired: Faults.certificateExpired,
  wrongHost: Faults.wrongHost,
  disconnected: Faults.disconnected,
  stall: Effect.never,
  resetAfter: Faults.resetAfter
}

/**
 * A session without a network: the handler answers each request, and all else is a session's, redirects, cookies,
 * decoders and time limits included. Its jar also takes cookies of IP addresses. `Connector.MockCalls` has what was sent.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ClientResponse, Session, Testing } from "effect-http-session"
 *
 * const Mock = Testing.layer((request) => Response.json({ path: new URL(request.url).pathname }))
 *
 * export const test = Session.get("https://api.example/users/1").pipe(ClientResponse.json, Effect.provide(Mock))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <R = never>(
  handler: MockHandler<R>,
  options?: SessionOptions
): Layer.Layer<Session | MockCalls | CookieJar, never, Exclude<R, Scope>> =>
  layerWithoutDependencies(options).pipe(
    Layer.provideMerge(Layer.merge(layerMock(handler), layerCookieJar({ unsafe: true })))
  )

/**
 * A request that must come, and its answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expectation<R = never> {
  /** In any case. Default: any. */
  readonly method?: string | undefined
  /** The whole URL, or a pattern that is found in it. */
  readonly url: string | RegExp
  /** A `Response` is cloned for each request. */
  readonly respond: MockHandler<R> | Response
  /** How often. Default 1; `Infinity` is any number, none included. */
  readonly times?: number | undefined
}

/**
 * Expectations that no request has met, or requests that met none.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnmetExpectations extends Data.TaggedError("UnmetExpectations")<{
  /** Such as "GET https://api.example/ (0 of 1)". */
  readonly unmet: ReadonlyArray<string>
  /** Such as "GET https://api.example/other". */
  readonly unexpected: ReadonlyArray<string>
}> {
  /** Both lists. */
  override get message(): string {
    return [
      ...this.unmet.map((line) => `Expected and not requested: ${line}`),
      ...this.unexpected.map((line) => `Requested and not expected: ${line}`)
    ].join("\n")
  }
}

/**
 * A handler that answers by expectations. Each request meets the first that fits it and has not been met as often as it
 * should; one that meets none gets a 501. `verify` fails with `UnmetExpectations` where something is left.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { ClientResponse, Connector, CookieJar, Session, Testing } from "effect-http-session"
 *
 * export const test = Effect.gen(function* () {
 *   const { handler, verify } = yield* Testing.expectations([
 *     { method: "GET", url: "https://api.example/users/1", respond: Response.json({ id: 1 }) }
 *   ])
 *   const Mock = Session.layerWithoutDependencies().pipe(
 *     Layer.provide([Connector.layerMock(handler), CookieJar.layer()])
 *   )
 *   yield* Session.get("https://api.example/users/1").pipe(ClientResponse.json, Effect.provide(Mock))
 *   yield* verify
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const expectations = <R = never>(
  list: ReadonlyArray<Expectation<R>>
): Effect.Effect<{
  readonly handler: MockHandler<R>
  readonly verify: Effect.Effect<void, UnmetExpectations>
}> =>
  Effect.sync(() => {
    const met = new Expected(list)
    return {
      handler: (request) => met.answer(request),
      verify: Effect.suspend(() => (met.fulfilled ? Effect.void : Effect.fail(new UnmetExpectations(met.remainder))))
    }
  })

/**
 * How cassettes are written and matched.
 *
 * @since 0.1.0
 * @category models
 */
export interface CassetteOptions {
  /** What must be equal for a recorded response to answer. Default: method, URL and body. */
  readonly match?: ReadonlyArray<"method" | "url" | "body"> | undefined
  /** More headers whose values are not written. */
  readonly redactHeaders?: ReadonlyArray<string> | undefined
}

/**
 * The connector of the context, with all exchanges written to a file when the Scope closes: JSON, atomically, in place
 * of what was there. Needs the file's directory; fails with `PlatformError` where there is none.
 *
 * Values of credential headers, cookies, `redactHeaders` and of signing query parameters are written as "REDACTED"; of
 * request bodies only a digest is written. Response bodies are written as they come. Requests without a response are
 * not recorded.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRecord = (
  path: string,
  options: CassetteOptions = {}
): Layer.Layer<Connector, PlatformError, Connector | FileSystem> =>
  Layer.scoped(
    Connector,
    Effect.flatMap(Connector, (connector) =>
      Effect.map(record(path, options, transportOf(connector[ConnectorTypeId])), (transport) => ({
        ...connector,
        [ConnectorTypeId]: new TransportHandle(transport)
      }))
    )
  )

/**
 * A connector that answers from a file of `layerRecord` and opens no socket. Each recorded response answers once, in
 * order among those that match; a request that matches none fails with `ClientConnectorError`, code "ENOTRECORDED".
 * Fails with `PlatformError` where the file cannot be read or is no cassette.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerReplay = (
  path: string,
  options: CassetteOptions = {}
): Layer.Layer<Connector, PlatformError, FileSystem> =>
  Layer.scoped(Connector, Effect.map(Effect.flatMap(replaying(path, options), fromAnswering), serviceOf))

/**
 * A step of a scripted connection.
 *
 * - `Expect` waits for a request's head, for the body that the last head announced, or for a number of bytes. A peer that
 *   ends before ends the script.
 * - `Send` writes; a string goes out as UTF-8. It waits until the operating system has taken the bytes.
 * - `Drip` writes `size` bytes at a time, with a pause of `every` between.
 * - `Sleep` waits on the Clock of the fiber that started the server: under a TestClock until the test adjusts it.
 * - `Fin` ends the server's half of the connection; a body without a length ends so.
 * - `Reset` breaks the connection by RST.
 * - `Stall` does nothing more, until the peer ends the connection.
 *
 * @since 0.1.0
 * @category models
 */
export type Step =
  | { readonly _tag: "Expect"; readonly what: "head" | "body" | number }
  | { readonly _tag: "Send"; readonly data: string | Uint8Array }
  | {
      readonly _tag: "Drip"
      readonly data: string | Uint8Array
      readonly size: number
      readonly every: Duration.DurationInput
    }
  | { readonly _tag: "Sleep"; readonly duration: Duration.DurationInput }
  | { readonly _tag: "Fin" }
  | { readonly _tag: "Reset" }
  | { readonly _tag: "Stall" }

/**
 * A server on loopback that does as told.
 *
 * @since 0.1.0
 * @category models
 */
export interface TestServer {
  /** Such as "http://127.0.0.1:41234", "https:" with `tls`. */
  readonly url: string
  readonly port: number
  /** Connections open now. */
  readonly connections: Effect.Effect<number>
  /** What each connection has received so far, in the order of acceptance; behind TLS, decrypted. */
  readonly received: Effect.Effect<ReadonlyArray<Uint8Array>>
}

/**
 * Starts a server on an ephemeral port of 127.0.0.1 that ends with the Scope. The first connection runs the first
 * script, the second one the second, and all after the last script run that one again. A connection whose script has
 * ended is closed by FIN; `Stall` keeps it open. Certificates are given as PEM: Node cannot make any.
 *
 * ```ts
 * import { ClientResponse, Session, Testing } from "effect-http-session"
 * import { Effect } from "effect"
 *
 * // A body that is cut by RST: the request fails with ClientPayloadError.
 * export const cut = Effect.scoped(
 *   Effect.gen(function* () {
 *     const server = yield* Testing.server([
 *       [
 *         { _tag: "Expect", what: "head" },
 *         { _tag: "Send", data: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345" },
 *         { _tag: "Reset" }
 *       ]
 *     ])
 *     return yield* Session.get(server.url).pipe(ClientResponse.text, Effect.flip)
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const server = (
  scripts: ReadonlyArray<ReadonlyArray<Step>>,
  options?: { readonly tls?: { readonly cert: Pem; readonly key: Pem } | undefined }
): Effect.Effect<TestServer, never, Scope> => fromScripts(scripts, options)
