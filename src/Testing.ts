/**
 * Test tools: faults, expectations, cassettes, and a server with scripted misbehaviour.
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
import { Connector, TypeId as ConnectorTypeId, type MockHandler } from "./Connector.js"
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
import type { Pem } from "./Ssl.js"

/**
 * Network failures that a handler of `Connector.layerMock` can return. The errors have the details of the request.
 *
 * - `refused`: the connection is refused.
 * - `dnsNotFound`: the name does not exist.
 * - `certificateExpired`, `wrongHost`: the certificate is invalid.
 * - `disconnected`: the connection closes before a response.
 * - `stall`: no response, until a timeout.
 * - `resetAfter`: status 200 with the given start of a body, then a reset.
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
 * An expected request and its response.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expectation<R = never> {
  /** In any case. Default: any method. */
  readonly method?: string | undefined
  /** The complete URL, or a pattern to search in it. */
  readonly url: string | RegExp
  /** A `Response` is cloned for each request. */
  readonly respond: MockHandler<R> | Response
  /** How many times the request is expected. Default 1; `Infinity` allows any number, including none. */
  readonly times?: number | undefined
}

/**
 * Some expected requests were not made, or some requests were not expected.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnmetExpectations extends Data.TaggedError("UnmetExpectations")<{
  /** For example "GET https://api.example/ (0 of 1)". */
  readonly unmet: ReadonlyArray<string>
  /** For example "GET https://api.example/other". */
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
 * Creates a handler that answers by expectations. A request matches the first expectation that fits and has remaining
 * uses; without a match it gets status 501. `verify` fails with `UnmetExpectations` if any expectation is unmet or any
 * request was unexpected.
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
 * Options for cassettes.
 *
 * @since 0.1.0
 * @category models
 */
export interface CassetteOptions {
  /** Which parts of a request must equal the recorded one. Default: method, URL and body. */
  readonly match?: ReadonlyArray<"method" | "url" | "body"> | undefined
  /** Additional headers whose values are redacted. */
  readonly redactHeaders?: ReadonlyArray<string> | undefined
}

/**
 * Records all exchanges of the connector in the context, and writes them to a file as JSON when the Scope closes,
 * replacing the file atomically. The directory must exist, otherwise it fails with `PlatformError`.
 *
 * Values of credential headers, cookies, `redactHeaders` and signing query parameters are written as "REDACTED". Of
 * request bodies only a digest is written; response bodies are written as received. Requests without a response are not
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
 * A connector that answers from a file written by `layerRecord`, without opening sockets. Each recorded response is
 * used once, in order among those that match. A request without a match fails with `ClientConnectorError`, code
 * "ENOTRECORDED". Fails with `PlatformError` if the file cannot be read or is not a cassette.
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
 * - `Expect` waits for the head of a request, for the body that the last head announced, or for a number of bytes. If
 *   the peer closes first, the script ends.
 * - `Send` writes data; strings are sent as UTF-8. It completes when the operating system has accepted the bytes.
 * - `Drip` writes `size` bytes at a time, with a pause of `every` between writes.
 * - `Sleep` waits on the Clock of the fiber that started the server. Under a TestClock it waits until the test adjusts
 *   the clock.
 * - `Fin` closes the server's side of the connection, which ends a body without a length.
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
  /** For example "http://127.0.0.1:41234", or "https:" with `tls`. */
  readonly url: string
  readonly port: number
  /** The number of open connections. */
  readonly connections: Effect.Effect<number>
  /** The bytes that each connection has received so far, in the order of acceptance; decrypted if TLS is used. */
  readonly received: Effect.Effect<ReadonlyArray<Uint8Array>>
}

/**
 * Starts a server on an ephemeral port of 127.0.0.1 that stops with the Scope. The first connection runs the first
 * script, the second connection the second, and all further connections repeat the last script. When its script ends, a
 * connection is closed by FIN; `Stall` keeps it open. Certificates must be given as PEM, because Node cannot create
 * them.
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
