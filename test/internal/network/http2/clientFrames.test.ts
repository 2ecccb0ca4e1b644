/**
 * The required reactions of a client to frames of a server: 118 rows by sections of RFC 9113, RFC 7541 and RFC 8441.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { codeName } from "../../../../src/internal/network/http2/errorCodes.js"
import * as Frames from "../../../../src/internal/network/http2/frames.js"
import { Pair, settings } from "./support.js"

interface Row {
  readonly section: string
  readonly name: string
  /** After the server's SETTINGS, or after the HEADERS of stream 1 as well. */
  readonly when: "handshake" | "request"
  /** In hexadecimal. */
  readonly frames: ReadonlyArray<string | { readonly head: string; readonly fill: string; readonly length: number }>
  readonly expect: {
    readonly connection?: string
    readonly orConnection?: string
    readonly stream?: string
    readonly orStream?: string
    readonly orIgnored?: boolean
    readonly ok?: { readonly body?: number; readonly pingAck?: boolean; readonly settingsAck?: boolean }
  }
}

const rows: ReadonlyArray<Row> = JSON.parse(
  readFileSync(new URL("../../../suites/h2-client-frames.json", import.meta.url), "utf8")
)

const bytesOf = (row: Row): Buffer =>
  Buffer.concat(
    row.frames.map((each) => {
      if (typeof each === "string") return Buffer.from(each, "hex")
      const bytes = Buffer.alloc(each.length, Number.parseInt(each.fill, 16))
      Buffer.from(each.head, "hex").copy(bytes)
      return bytes
    })
  )

/** The client's reaction, in the words of a row. */
const verdictOf = (pair: Pair): string => {
  const [goodbye] = pair.goodbyes
  if (goodbye !== undefined) return `connection ${codeName(goodbye)}`
  const [reset] = pair.resets
  return reset === undefined ? "ok" : `stream ${codeName(reset[1])}`
}

const allowed = ({
  connection,
  ok,
  orConnection,
  orIgnored,
  orStream,
  stream
}: Row["expect"]): ReadonlyArray<string> => [
  ...[connection, orConnection].flatMap((code) => (code === undefined ? [] : [`connection ${code}`])),
  ...[stream, orStream].flatMap((code) => (code === undefined ? [] : [`stream ${code}`])),
  ...(ok !== undefined || orIgnored === true ? ["ok"] : [])
]

/** Plays a row in pieces that end at these places. */
const play = (row: Row, cuts: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const pair = new Pair()
    const exchange = row.when === "request" ? pair.request() : undefined
    pair.feed(settings())
    const bytes = bytesOf(row)
    let from = 0
    for (const cut of [...cuts, bytes.length]) {
      if (cut > from) pair.feed(bytes.subarray(from, cut))
      from = cut
    }
    yield* pair.turn
    if (exchange === undefined && !pair.connection.closed) {
      // Nothing is written before the first request.
      pair.request()
      yield* pair.turn
    }
    return { pair, exchange }
  })

const check = (row: Row, cuts: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const { exchange, pair } = yield* play(row, cuts)
    const verdict = verdictOf(pair)
    const at = `cut at ${cuts.slice(0, 3).join(", ")}`
    assert.include(allowed(row.expect), verdict, at)
    assert.strictEqual(pair.connection.closed, verdict.startsWith("connection"), at)
    assert.deepStrictEqual(pair.closed, verdict.startsWith("connection") ? ["Error"] : [], at)
    if (exchange !== undefined && row.expect.ok === undefined && row.expect.orIgnored !== true) {
      assert.isDefined(exchange.error, at)
      assert.include(["BadHttpMessage", "ClientPayloadError"], exchange.error?._tag, at)
    }
    const { ok } = row.expect
    if (ok === undefined) return
    assert.isUndefined(exchange?.error, at)
    const { body, pingAck, settingsAck } = ok
    if (body !== undefined) assert.strictEqual(Buffer.concat(exchange?.received ?? []).length, body, at)
    const acks = (type: number) => pair.framesOf(type).filter(({ flags }) => flags === Frames.ACK).length
    if (pingAck !== undefined) assert.strictEqual(acks(Frames.PING), pingAck ? 1 : 0, at)
    if (settingsAck !== undefined) assert.strictEqual(acks(Frames.SETTINGS), 2, at)
  })

/** Places to cut at: all, or those at both ends of a long row. */
const places = (length: number): ReadonlyArray<number> =>
  Array.from({ length: Math.max(0, length - 1) }, (_, index) => index + 1).filter(
    (at) => length < 300 || at < 60 || at > length - 20
  )

describe("a connection answers frames of a server in the same way if they arrive whole, cut anywhere, or byte by byte", () => {
  it("118 rows", () => assert.lengthOf(rows, 118))

  for (const row of rows) {
    it.effect(`${row.section}: ${row.name}`, () =>
      Effect.gen(function* () {
        const { length } = bytesOf(row)
        yield* check(row, [])
        for (const at of places(length)) yield* check(row, [at])
        yield* check(
          row,
          Array.from({ length: length - 1 }, (_, index) => index + 1)
        )
      })
    )
  }
})
