/**
 * Responses without a connection: a head, and a body whose bytes the test pushes.
 */

import * as Headers from "@effect/platform/Headers"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ConnectionInfo, ResponseHead } from "../../../src/ClientResponse.js"
import type { BodyError, ClientError } from "../../../src/Errors.js"
import { headOf } from "../../../src/internal/network/http1/head.js"
import type { BodyWatch } from "../../../src/internal/response/body/bodyReader.js"
import { type BodySettings, Response, type ResponseSource } from "../../../src/internal/response/response.js"
import type { Sent } from "../../../src/internal/response/responseSource.js"
import { IncomingBody } from "../../../src/internal/transport/incomingBody.js"

export interface Given {
  readonly status?: number
  readonly reason?: string
  readonly headers?: ReadonlyArray<readonly [string, string]>
  readonly length?: number
  readonly settings?: Partial<BodySettings>
  readonly history?: ReadonlyArray<ResponseHead>
  readonly watch?: BodyWatch
  readonly url?: string
  readonly realUrl?: string
  readonly connection?: ConnectionInfo
  readonly sent?: Sent | undefined
  /** Whether a truncated coding is tolerated, as in a tolerant connector for a body with an explicit end. Default: true. */
  readonly toleratesTruncatedCoding?: boolean
}

/** A response that the test controls. */
export interface Made {
  readonly response: Response
  readonly body: IncomingBody
  /** The number of calls of each function of the connection. */
  readonly calls: { resumed: number; abandoned: number }
  /** The results of `push` for each piece. */
  readonly push: (...pieces: ReadonlyArray<Uint8Array | string>) => ReadonlyArray<boolean>
  readonly end: (trailers?: ReadonlyArray<readonly [string, string]>) => void
  readonly fail: (error: ClientError) => void
}

export const make = (given: Given = {}): Made => {
  const calls = { resumed: 0, abandoned: 0 }
  const body = new IncomingBody(given.length, {
    resume: () => {
      calls.resumed++
    },
    abandon: () => {
      calls.abandoned++
    }
  })
  const url = given.url ?? "http://example.test/path"
  const source: ResponseSource = {
    method: "GET",
    url,
    realUrl: given.realUrl ?? url,
    requestInfo: () => ({ method: "GET", url, realUrl: given.realUrl ?? url, headers: Headers.empty }),
    attempts: 1,
    history: given.history ?? [],
    timings: () => ({ headers: 1 }),
    within: identity,
    details: (phase) => ({ method: "GET", url, phase, attempt: 1 }),
    settings: {
      autoDecompress: true,
      maxBodySize: Infinity,
      errorBodySize: 64 * 1024,
      fallbackCharset: undefined,
      onProgress: undefined,
      ...given.settings
    },
    bodyWatch: given.watch,
    sent: () => given.sent
  }
  const head = headOf({
    status: given.status ?? 200,
    reason: given.reason ?? "OK",
    headers: given.headers ?? [],
    toleratesTruncatedCoding: given.toleratesTruncatedCoding
  })
  const response = new Response(source, head, body, given.connection ?? { id: 1, reused: false })
  // The pieces lie in a slab that is overwritten after each call, like that of a socket.
  const slab = Buffer.alloc(1024 * 1024)
  const push = (...pieces: ReadonlyArray<Uint8Array | string>) =>
    pieces.map((piece) => {
      const bytes = typeof piece === "string" ? Buffer.from(piece) : piece
      if (bytes.length > slab.length - 7) return body.push(Buffer.from(bytes), 0, bytes.length)
      slab.set(bytes, 7)
      const going = body.push(slab, 7, 7 + bytes.length)
      slab.fill(0xaa, 0, 7 + bytes.length)
      return going
    })
  return { response, body, calls, push, end: (trailers = []) => body.end(trailers), fail: (error) => body.fail(error) }
}

/** A response with a complete body. */
export const complete = (bytes: Uint8Array | string, given: Given = {}): Response => {
  const made = make(given)
  if (bytes.length > 0) made.push(bytes)
  made.end()
  return made.response
}

/** Reads a body that arrives at once, as a whole from pieces, and as a stream from pieces. */
export const readings = (bytes: Uint8Array, given: Given, pieceSize: number) => {
  const inPieces = (read: "bytes" | "stream") =>
    Effect.gen(function* () {
      const { end, push, response } = make(given)
      const fiber = yield* Effect.fork(
        Effect.exit(
          read === "bytes"
            ? response.bytes
            : Effect.map(
                Stream.runCollect(response.stream),
                (chunks): Uint8Array => Buffer.concat(Chunk.toReadonlyArray(chunks))
              )
        )
      )
      yield* Effect.yieldNow()
      yield* Effect.yieldNow()
      for (let at = 0; at < bytes.length; at += pieceSize) push(bytes.subarray(at, at + pieceSize))
      end()
      return yield* Fiber.join(fiber)
    })
  return Effect.all([
    Effect.exit(Effect.suspend(() => complete(bytes, given).bytes)),
    inPieces("bytes"),
    inPieces("stream")
  ])
}

/** The tag and reason of a failure; "none" for a success. */
export const failureOf = <A, E extends { readonly _tag: string }>(exit: Exit.Exit<A, E>): string => {
  if (Exit.isSuccess(exit)) return "none"
  const error = Option.getOrThrowWith(Cause.failureOption(exit.cause), () => new Error(Cause.pretty(exit.cause)))
  return "reason" in error ? `${error._tag} ${error.reason}` : error._tag
}

export const isBodyError = (u: unknown): u is BodyError => typeof u === "object" && u !== null && "_tag" in u
