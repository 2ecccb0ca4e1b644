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

/** A step of a scripted connection. */
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

/** A server on loopback that does as told. */
export interface TestServer {
  /** Such as "http://127.0.0.1:41234". */
  readonly url: string
  readonly port: number
  /** Connections open now. */
  readonly connections: Effect.Effect<number>
  /** What each connection has received so far. */
  readonly received: Effect.Effect<ReadonlyArray<Uint8Array>>
}

/** Starts one. Each connection runs its script; the last one repeats. */
export declare const server: (
  scripts: ReadonlyArray<ReadonlyArray<Step>>,
  options?: { readonly tls?: { readonly cert: Pem; readonly key: Pem } | undefined }
) => Effect.Effect<TestServer, never, Scope>
