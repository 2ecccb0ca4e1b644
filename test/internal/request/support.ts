import { assert } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type { RequestOptions, UrlInput } from "../../../src/ClientRequest.js"
import type { InvalidRequest, InvalidURL, RequestBodyError } from "../../../src/Errors.js"
import type { BodyContext } from "../../../src/internal/request/body/bodyWriter.js"
import { prepare } from "../../../src/internal/request/prepare.js"
import type { Defaults } from "../../../src/internal/request/preparedRequest.js"
import { PreparedRequest } from "../../../src/internal/request/preparedRequest.js"
import { makeDefaults } from "../../../src/internal/request/sessionDefaults.js"
import { isWireError, toWire } from "../../../src/internal/request/wireRequest.js"
import type { RequestBody, RequestSink, WireRequest } from "../../../src/internal/transport/transport.js"

export type Failure = InvalidURL | InvalidRequest | RequestBodyError

export const bareDefaults: Defaults = makeDefaults({})

export const prepared = (
  method: string,
  url: UrlInput,
  options?: RequestOptions,
  defaults: Defaults = bareDefaults
): PreparedRequest => {
  const request = prepare(defaults, method, url, options)
  if (request instanceof PreparedRequest) return request
  throw new Error(`${request._tag}: ${request.message}`, { cause: request })
}

export const wire = (request: PreparedRequest, cookies?: string, context?: BodyContext): WireRequest => {
  const result = toWire(request, cookies, undefined, context)
  if (isWireError(result)) throw new Error(`${result._tag}: ${result.message}`, { cause: result })
  return result
}

/** The error of preparing or writing a request. */
export const failure = (
  method: string,
  url: UrlInput,
  options?: RequestOptions,
  defaults: Defaults = bareDefaults
): Failure => {
  const request = prepare(defaults, method, url, options)
  if (!(request instanceof PreparedRequest)) return request
  const result = toWire(request, undefined)
  assert.isTrue(isWireError(result), `nothing fails: ${JSON.stringify(request)}`)
  if (isWireError(result)) return result
  throw new Error("unreachable")
}

/** Header lines in order. */
export const lines = (request: WireRequest): ReadonlyArray<string> => {
  assert.isTrue(request.head.endsWith("\r\n"))
  return request.head.slice(0, -2).split("\r\n")
}

/** The values of a header. */
export const values = (request: WireRequest, name: string): ReadonlyArray<string> =>
  lines(request)
    .filter((line) => line.toLowerCase().startsWith(`${name}: `))
    .map((line) => line.slice(name.length + 2))

/** The outcome of sending a body. */
export interface Sent {
  readonly chunks: ReadonlyArray<Buffer>
  readonly bytes: Buffer
  readonly error: unknown
  readonly ended: boolean
}

/** Sends a body to its end; with `slow` each write waits for a drain. */
export const send = (body: RequestBody | undefined, slow = false): Effect.Effect<Sent> =>
  Effect.async((resume) => {
    if (body === undefined)
      return resume(Effect.succeed({ chunks: [], bytes: Buffer.alloc(0), error: undefined, ended: true }))
    if (body._tag === "Bytes") {
      const bytes = Buffer.from(body.bytes)
      return resume(Effect.succeed({ chunks: [bytes], bytes, error: undefined, ended: true }))
    }
    const chunks: Array<Buffer> = []
    let waiting = false
    const done = (error: unknown, ended: boolean) =>
      resume(Effect.succeed({ chunks, bytes: Buffer.concat(chunks), error, ended }))
    const sink: RequestSink = {
      write: (chunk) => {
        assert.isFalse(waiting, "written before the drain")
        assert.isAbove(chunk.length, 0)
        chunks.push(Buffer.from(chunk))
        if (!slow) return true
        waiting = true
        setImmediate(() => {
          waiting = false
          sink.onDrain?.()
        })
        return false
      },
      onDrain: undefined,
      end: () => done(undefined, true),
      fail: (error) => done(error, false)
    }
    const source = body.start(sink)
    return Effect.sync(() => source.cancel())
  })

export const chunksOf = (...texts: ReadonlyArray<string>): Chunk.Chunk<Uint8Array> =>
  Chunk.fromIterable(texts.map((text) => Buffer.from(text)))
