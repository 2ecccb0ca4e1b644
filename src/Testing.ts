/**
 * Tools for tests of programs: network faults, expected requests, recorded responses (cassettes), and a server whose
 * every byte a script controls.
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
import { makeMockTransport } from "./internal/mock/mockTransport.js"
import { Expectations } from "./internal/testing/expectations.js"
import { fromScripts } from "./internal/testing/faultServer.js"
import * as Faults from "./internal/testing/faults.js"
import { record } from "./internal/testing/recorder.js"
import { makeReplayer } from "./internal/testing/replayer.js"
import { serviceOf } from "./internal/transport/connectorService.js"
import { TransportHandle, transportOf } from "./internal/transport/transportHandle.js"
import { layerWithoutDependencies, type Session, type SessionOptions } from "./Session.js"
import type { Pem } from "./Ssl.js"

/**
 * Network failures that a handler of `Connector.layerMock` can return. The errors contain the details of the request.
 *
 * - `refused`: the connection is refused.
 * - `dnsNotFound`: the name does not exist.
 * - `certificateExpired`, `wrongHost`: the certificate is invalid.
 * - `disconnected`: the server closes the connection before a response.
 * - `stall`: there is no response until a time limit expires.
 * - `resetAfter`: a response with status 200 and the given start of a body, then a reset.
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
 * A session without a network, whose handler answers each request. Redirects, cookies, decoders and time limits work as
 * in every session. The jar also accepts cookies of IP addresses. `Connector.MockCalls` records the requests.
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
 * An expected request and its response.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expectation<R = never> {
  /** The method, in upper or lower case. Default: any method. */
  readonly method?: string | undefined
  /** The complete URL, or a pattern that matches a part of it. */
  readonly url: string | RegExp
  /** The response, or a handler. A `Response` is cloned for each request. */
  readonly respond: MockHandler<R> | Response
  /** How many times the request is expected. Default 1; `Infinity` allows any number, including none. */
  readonly times?: number | undefined
}

/**
 * Expected requests were not made, or requests were made that were not expected.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnmetExpectations extends Data.TaggedError("UnmetExpectations")<{
  /** The expected requests that are missing, such as "GET https://api.example/ (0 of 1)". */
  readonly unmet: ReadonlyArray<string>
  /** The requests that were not expected, such as "GET https://api.example/other". */
  readonly unexpected: ReadonlyArray<string>
}> {
  /** Both lists as text. */
  override get message(): string {
    return [
      ...this.unmet.map((line) => `Expected and not requested: ${line}`),
      ...this.unexpected.map((line) => `Requested and not expected: ${line}`)
    ].join("\n")
  }
}

/**
 * Creates a handler from expected requests and their responses. It answers a request with the first matching
 * expectation that has not been used `times` times, or with status 501 if there is none. `verify` fails with
 * `UnmetExpectations` if an expected request is missing or a request was not expected.
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
    const expected = new Expectations(list)
    return {
      handler: (request) => expected.answer(request),
      verify: Effect.suspend(() =>
        expected.fulfilled ? Effect.void : Effect.fail(new UnmetExpectations(expected.remainder))
      )
    }
  })

/**
 * Options for cassettes.
 *
 * @since 0.1.0
 * @category models
 */
export interface CassetteOptions {
  /** The parts of a request that must equal those of the recorded request. Default: method, URL and body. */
  readonly match?: ReadonlyArray<"method" | "url" | "body"> | undefined
  /** Additional headers whose values are redacted. */
  readonly redactHeaders?: ReadonlyArray<string> | undefined
}

/**
 * Records all requests and responses of the connector in the context. When the Scope closes, writes them to a file as
 * JSON and replaces the file atomically. Fails with `PlatformError` if the directory does not exist.
 *
 * Values of credential headers, cookies, `redactHeaders` and signing query parameters are written as "REDACTED".
 * Request bodies are written as a digest only, response bodies as received. Requests without a response are not
 * recorded.
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
 * A connector that answers from a file of `layerRecord`, without opening sockets. It uses each recorded response once,
 * in recorded order among those that match. A request without a match fails with `ClientConnectorError`, code
 * "ENOTRECORDED". Fails with `PlatformError` if the file cannot be read or is not a cassette.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerReplay = (
  path: string,
  options: CassetteOptions = {}
): Layer.Layer<Connector, PlatformError, FileSystem> =>
  Layer.scoped(Connector, Effect.map(Effect.flatMap(makeReplayer(path, options), makeMockTransport), serviceOf))

/**
 * A step of a scripted connection.
 *
 * - `Expect` waits for the head of a request, for the body that the last head announced, or for a number of bytes. If
 *   the peer closes first, the script ends.
 * - `Send` writes data, strings as UTF-8. It completes when the operating system has accepted the bytes.
 * - `Drip` writes `size` bytes at a time, with a pause of `every` between writes.
 * - `Sleep` waits on the Clock of the fiber that started the server. Under a TestClock it waits until the test adjusts
 *   the clock.
 * - `Fin` ends the server's side of the connection, and with it a body without a length.
 * - `Reset` resets the connection with RST.
 * - `Stall` does nothing until the peer closes the connection.
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
 * A running test server.
 *
 * @since 0.1.0
 * @category models
 */
export interface TestServer {
  /** The URL of the server, such as "http://127.0.0.1:41234"; with `tls`, its scheme is https. */
  readonly url: string
  readonly port: number
  /** The number of open connections. */
  readonly connections: Effect.Effect<number>
  /**
   * The bytes that the server has received so far, decrypted if TLS is used: one entry per connection, in the order in
   * which it accepted them.
   */
  readonly received: Effect.Effect<ReadonlyArray<Uint8Array>>
}

/**
 * Starts a server on an ephemeral port of 127.0.0.1 that stops with the Scope. The first connection runs the first
 * script, the second connection the second script, and so on; further connections repeat the last script. When its
 * script ends, the server closes the connection with FIN; `Stall` keeps it open. For TLS, provide a certificate and a
 * key as PEM, because Node cannot create them.
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
