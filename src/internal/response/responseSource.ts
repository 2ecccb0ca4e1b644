/** The interface between a response and its request. */
import type * as Effect from "effect/Effect"
import type { Progress } from "../../ClientRequest.js"
import type { ResponseHead, Timings } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import type { IncomingBody } from "../transport/incomingBody.js"
import type { NetworkStream } from "../transport/networkStream.js"
import type { BodyWatch, DetailsSource } from "./body/bodyReader.js"
import type { HeadSource } from "./responseHead.js"

/** The options of session and request for the response body. */
export interface BodySettings {
  readonly autoDecompress: boolean
  /** In bytes, after decoding. */
  readonly maxBodySize: number
  /** Most decoded bytes that a `ClientResponseError` keeps. */
  readonly errorBodySize: number
  readonly fallbackCharset: string | ((response: ResponseHead, body: Uint8Array) => string) | undefined
  readonly onProgress: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/** A request as it is sent, and the peer that receives it. */
export interface Sent {
  /** Without fragment and userinfo. */
  readonly url: string
  /** Header lines, each with CRLF, as latin1 code units: `WireRequest.head`. */
  readonly head: string
  /** Lower-case names of the headers that were given as `Redacted`. */
  readonly secret: ReadonlySet<string>
  /** `Transport.peerKey` of its route. */
  readonly peer: string
}

/** The request behind a response. Its methods must be called on the object. */
export interface ResponseSource extends HeadSource, DetailsSource {
  /** The heads of the redirects that led to this response. */
  readonly history: ReadonlyArray<ResponseHead>
  /** Number of requests that the call has sent. */
  readonly attempts: number
  timings(): Timings
  readonly settings: BodySettings
  readonly bodyWatch: BodyWatch | undefined
  /** Runs user code within the time limits of the request and the lifetime of its session. */
  within<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | ClientError>
  /** The request that was sent, after all middlewares; `undefined` if the source does not know it. */
  sent?(): Sent | undefined
  /** Called when a stream starts to read the body. Replaces the default total limit by an idle limit. */
  beginStream?(body: IncomingBody): void
  /** Runs after each step of reading the body, if there are listeners. */
  readonly listen?: Effect.Effect<void> | undefined
}

/** A connection after status 101. */
export interface Upgrade {
  readonly stream: NetworkStream
  /** Bytes received together with the head. */
  readonly rest: Uint8Array
}
