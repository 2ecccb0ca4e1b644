/**
 * Chunks of a stream belong to their reader: later reads on any connection never change them, and they
 * hold nothing but the body.
 */
import { createHash } from "node:crypto"
import { assert, describe } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { standard } from "../support/certificates.js"
import { itFault } from "../support/itFault.js"
import type { Play } from "../support/server.js"

const size = 6 * 1024 * 1024

/** Bytes that differ between all positions and between bodies. */
const pattern = (seed: number): Buffer => {
  const blocks: Array<Buffer> = []
  for (let at = 0; at * 32 < size; at++) blocks.push(createHash("sha256").update(`${seed} ${at}`).digest())
  return Buffer.concat(blocks)
}

const bodies = [pattern(0), pattern(1), pattern(2)]

/** Sends the body whose number is the path. */
const play: Play = (peer) =>
  Effect.gen(function* () {
    const { target } = yield* peer.request
    yield* peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    yield* peer.send(bodies[Number(target.slice(1))] ?? "")
  })

/** In chunks larger than a slab. */
const chunked: Play = (peer) =>
  Effect.gen(function* () {
    const { target } = yield* peer.request
    yield* peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    yield* peer.send(`${size.toString(16)}\r\n`)
    yield* peer.send(bodies[Number(target.slice(1))] ?? "")
    yield* peer.send("\r\n0\r\n\r\n")
  })

const { good } = await Effect.runPromise(standard())

const rows = [
  { name: "plain, with a length", play, tls: undefined },
  { name: "plain, in chunks", play: chunked, tls: undefined },
  { name: "over TLS", play, tls: good }
]

describe("chunks of streams", () => {
  for (const row of rows) {
    itFault(
      `keep their bytes while three streams are read at once, ${row.name}`,
      bodies.map(() => row.play),
      (session, at) =>
        Effect.gen(function* () {
          const all = yield* Effect.forEach(
            bodies,
            (_, index) => Stream.runCollect(ClientResponse.stream(session.get(`${at.url}/${index}`))),
            { concurrency: "unbounded" }
          )
          all.forEach((chunks, index) => {
            for (const chunk of chunks) assert.strictEqual(chunk.buffer.byteLength, chunk.length)
            assert.isTrue(bodies[index]?.equals(Buffer.concat(Chunk.toReadonlyArray(chunks))))
          })
        }),
      undefined,
      { tls: row.tls, connector: { ssl: false } }
    )
  }
})
