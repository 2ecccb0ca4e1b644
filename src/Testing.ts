/**
 * Faults, expectations, cassettes and a server that misbehaves on purpose.
 */
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Scope } from "effect/Scope"
import type { Connector, MockHandler } from "./Connector.js"
import type {
  ClientConnectorCertificateError,
  ClientConnectorDNSError,
  ClientConnectorError,
  ClientConnectorSSLError,
  ServerDisconnectedError
} from "./Errors.js"
import { fromScripts } from "./internal/testing/faultServer.js"
import type { Pem } from "./Ssl.js"

/** What a handler of `Connector.layerMock` can return to be a network that fails. */
export declare const faults: {
  readonly refused: Effect.Effect<never, ClientConnectorError>
  readonly dnsNotFound: Effect.Effect<never, ClientConnectorDNSError>
  readonly certificateExpired: Effect.Effect<never, ClientConnectorSSLError>
  readonly wrongHost: Effect.Effect<never, ClientConnectorCertificateError>
  readonly disconnected: Effect.Effect<never, ServerDisconnectedError>
  /** No answer, until a timeout. */
  readonly stall: Effect.Effect<never>
  /** A 200 with this start of a body, which is then cut. */
  readonly resetAfter: (body: string | Uint8Array) => Response
}

/** A request that must come, and its answer. */
export interface Expectation<R = never> {
  /** Default: any. */
  readonly method?: string | undefined
  /** The whole URL, or a pattern. */
  readonly url: string | RegExp
  readonly respond: MockHandler<R> | Response
  /** How often. Default 1; `Infinity` is any number. */
  readonly times?: number | undefined
}

/** Expectations that no request has met, or requests that met none. */
export declare class UnmetExpectations extends Data.TaggedError("UnmetExpectations")<{
  readonly unmet: ReadonlyArray<string>
  readonly unexpected: ReadonlyArray<string>
}> {}

/** A handler that answers by expectations, in order among those that match; a request that meets none gets a 501. */
export declare const expectations: <R = never>(
  list: ReadonlyArray<Expectation<R>>
) => Effect.Effect<{
  readonly handler: MockHandler<R>
  /** Fails where something is left. */
  readonly verify: Effect.Effect<void, UnmetExpectations>
}>

export interface CassetteOptions {
  /** Default: method, URL and body. */
  readonly match?: ReadonlyArray<"method" | "url" | "body"> | undefined
  /** More headers whose values are not written. */
  readonly redactHeaders?: ReadonlyArray<string> | undefined
}

/** The connector of the context, with all exchanges written to a file when the Scope closes, secrets redacted. */
export declare const layerRecord: (
  path: string,
  options?: CassetteOptions
) => Layer.Layer<Connector, PlatformError, Connector | FileSystem>

/** A connector that answers from the file and opens no socket; another request fails with `ClientConnectorError`. */
export declare const layerReplay: (
  path: string,
  options?: CassetteOptions
) => Layer.Layer<Connector, PlatformError, FileSystem>

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
