/**
 * What a response is given by the request it answers.
 */
import type * as Effect from "effect/Effect"
import type { Progress } from "../../ClientRequest.js"
import type { ResponseHead, Timings } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import type { IncomingBody } from "../transport/incomingBody.js"
import type { Wire } from "../transport/networkStream.js"
import type { BodyWatch, DetailsSource } from "./body/bodyReader.js"
import type { HeadSource } from "./responseHead.js"

/** What a session and its requests have said about bodies. */
export interface BodySettings {
  readonly autoDecompress: boolean
  /** Bytes, decoded. */
  readonly maxBodySize: number
  /** Most decoded bytes that a `ClientResponseError` keeps. */
  readonly errorBodySize: number
  readonly fallbackCharset: string | ((response: ResponseHead, body: Uint8Array) => string) | undefined
  readonly onProgress: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/** A request as it is sent, and the peer that gets it. */
export interface Sent {
  /** Without fragment and userinfo. */
  readonly url: string
  /** Header lines with CRLF after each, as latin1 code units: `WireRequest.head`. */
  readonly head: string
  /** Lower-case names of the headers that were given redacted. */
  readonly secret: ReadonlySet<string>
  /** `Transport.peerKey` of its route. */
  readonly peer: string
}

/** Whose response it is. Its methods are called as such. */
export interface ResponseSource extends HeadSource, DetailsSource {
  /** Heads only. */
  readonly history: ReadonlyArray<ResponseHead>
  timings(): Timings
  readonly settings: BodySettings
  readonly bodyWatch: BodyWatch | undefined
  /** Runs what is not ours within the time of the request, and no longer than its session is open. */
  within<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | ClientError>
  /** The request that was answered, after all middlewares; `undefined` where the source does not know it. */
  sent?(): Sent | undefined
  /** Called when a stream starts to read the body: replaces the default total limit by an idle limit. */
  beginStream?(body: IncomingBody): void
  /** Run after each step of reading the body, where somebody listens. */
  readonly listen?: Effect.Effect<void> | undefined
}

/** A connection after 101. */
export interface Upgrade {
  readonly wire: Wire
  /** Bytes that came with the head. */
  readonly rest: Uint8Array
}
