/**
 * The memory and the CPU time that a response can cost, measured over TCP in a separate process.
 */
import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { measuring, outputOf } from "../support/child.js"
import { always, type Play, response } from "../support/server.js"

const mebi = 1024 * 1024

const zeros = Buffer.alloc(64 * mebi)

/** A body of `times` parts, which are sent as fast as the client reads. */
interface Body {
  readonly headers: ReadonlyArray<string>
  readonly part: () => Uint8Array
  readonly times: number
}

const coded = (coding: string, part: () => Uint8Array, times = 1): Body => ({
  headers: [`Content-Encoding: ${coding}`, "Connection: close"],
  part,
  times
})

const large = 256 * mebi

const bodies: Readonly<Record<string, Body>> = {
  /** 1 GiB in less than 1.1 MB of gzip members. */
  gzip: coded("gzip", () => gzipSync(zeros), 16),
  deflate: coded("deflate", () => deflateSync(Buffer.alloc(large), { level: 1 })),
  br: coded("br", () => brotliCompressSync(Buffer.alloc(large), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })),
  twice: coded("gzip, gzip", () => gzipSync(Buffer.concat(Array.from({ length: 16 }, () => gzipSync(zeros))))),
  /** 400 000 empty members. */
  members: coded("gzip", () => Buffer.concat(Array.from({ length: 1000 }, () => gzipSync(""))), 400),
  /** 10 MB in chunks of one byte. */
  bytes: { headers: ["Transfer-Encoding: chunked"], part: () => Buffer.from("1\r\nx\r\n".repeat(10_000)), times: 1000 },
  /** One TCP segment for each byte. */
  segments: { headers: ["Content-Length: 1000000"], part: () => Buffer.from("x"), times: 1_000_000 },
  slow: { headers: [`Content-Length: ${large}`], part: () => new Uint8Array(64 * 1024), times: large / 65536 }
}

interface Row {
  readonly name: string
  readonly path: keyof typeof bodies
  readonly way: "text" | "limited" | "first" | "slowly"
  readonly outcome: string | RegExp
  /** MiB by which the process may grow. */
  readonly memory: number
  /** Seconds of CPU. */
  readonly cpu: number
}

/** The longest delay of the event loop in milliseconds. */
const longestDelay = 200

const tooLarge = "ClientPayloadError TooLarge"

// Without `maxBodySize` the ratio of a compressed body is checked only after 64 MiB.
const rows: ReadonlyArray<Row> = [
  { name: "a gzip bomb", path: "gzip", way: "text", outcome: tooLarge, memory: 128, cpu: 10 },
  { name: "a deflate bomb", path: "deflate", way: "text", outcome: tooLarge, memory: 128, cpu: 10 },
  { name: "a br bomb", path: "br", way: "text", outcome: tooLarge, memory: 128, cpu: 10 },
  { name: "a bomb in a bomb", path: "twice", way: "text", outcome: tooLarge, memory: 128, cpu: 10 },
  { name: "a gzip bomb with maxBodySize", path: "gzip", way: "limited", outcome: tooLarge, memory: 64, cpu: 5 },
  { name: "a br bomb with maxBodySize", path: "br", way: "limited", outcome: tooLarge, memory: 64, cpu: 5 },
  { name: "a bomb in a bomb with maxBodySize", path: "twice", way: "limited", outcome: tooLarge, memory: 64, cpu: 5 },
  { name: "the first bytes of a br bomb", path: "br", way: "first", outcome: "some", memory: 64, cpu: 5 },
  { name: "the first bytes of a bomb in a bomb", path: "twice", way: "first", outcome: "some", memory: 64, cpu: 5 },
  { name: "the first bytes of a gzip bomb", path: "gzip", way: "first", outcome: "some", memory: 64, cpu: 5 },
  { name: "400 000 empty gzip members", path: "members", way: "text", outcome: "0", memory: 128, cpu: 10 },
  { name: "10 MB in chunks of one byte", path: "bytes", way: "text", outcome: "10000000", memory: 128, cpu: 10 },
  { name: "1 MB in segments of one byte", path: "segments", way: "text", outcome: "1000000", memory: 64, cpu: 10 },
  {
    name: "256 MiB that are read slowly",
    path: "slow",
    way: "slowly",
    // The second number is how much the server sent while the client did not read.
    outcome: /^268435456 (\d{1,6}|[1-7]\d{6})$/,
    memory: 32,
    cpu: 10
  }
]

const Result = Schema.parseJson(
  Schema.Struct({ outcome: Schema.String, grown: Schema.Number, cpu: Schema.Number, delay: Schema.Number })
)

const measure = (row: Row) =>
  Effect.gen(function* () {
    let sent = 0
    const play: Play = (peer) =>
      Effect.gen(function* () {
        for (;;) {
          const { target } = yield* peer.request
          const body = bodies[target.slice(1)]
          if (body === undefined) {
            yield* peer.send(response(200, target === "/sent" ? String(sent) : "x".repeat(mebi)))
            continue
          }
          const part = body.part()
          yield* peer.send(`HTTP/1.1 200 OK\r\n${body.headers.join("\r\n")}\r\n\r\n`)
          for (let i = 0; i < body.times; i++) {
            yield* peer.send(part)
            sent += part.length
          }
          if (body.headers.includes("Transfer-Encoding: chunked")) yield* peer.send("0\r\n\r\n")
          if (body.headers.includes("Connection: close")) return yield* peer.fin
        }
      })
    const server = yield* always(play)
    const out = yield* outputOf("bodies", [server.url, row.path, row.way], { flags: measuring })
    return yield* Schema.decode(Result)(out)
  })

describe("memory and CPU time are bounded for", () => {
  for (const row of rows) {
    it.scopedLive(
      row.name,
      () =>
        Effect.gen(function* () {
          // Other processes delay the loop too, so that one good run of three is enough.
          let { cpu, delay, grown, outcome } = yield* measure(row)
          for (let run = 1; run < 3 && delay > longestDelay; run++)
            ({ cpu, delay, grown, outcome } = yield* measure(row))
          if (typeof row.outcome === "string") assert.strictEqual(outcome, row.outcome)
          else assert.match(outcome, row.outcome)
          assert.isBelow(grown, row.memory * mebi)
          assert.isBelow(cpu, row.cpu * 1000)
          assert.isBelow(delay, longestDelay)
        }),
      90_000
    )
  }
})
