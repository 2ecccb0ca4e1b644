/**
 * Feeds bytes to the HTTP/1.1 parser and returns its outcome, which does not depend on the sizes of the pieces.
 */
import * as assert from "node:assert/strict"
import type { ParsedHead } from "../../src/internal/network/http1/head.js"
import { defaultLimits, type ParserLimits } from "../../src/internal/network/http1/limits.js"
import { Parser } from "../../src/internal/network/http1/parser.js"
import { deviationsOf } from "../../src/internal/transport/deviations.js"

export interface Outcome {
  /** "complete": a whole response. "cut": the peer ended too early. "tunnel": 101, or 2xx to CONNECT. */
  readonly result: "complete" | "failed" | "cut" | "tunnel"
  readonly informational: ReadonlyArray<number>
  readonly status: number | undefined
  readonly reason: string | undefined
  readonly version: string | undefined
  readonly headers: ReadonlyArray<readonly [string, string]> | undefined
  readonly framing: string | undefined
  readonly contentLength: number | undefined
  readonly keepAlive: boolean | undefined
  readonly keepAliveTimeout: number | undefined
  /** As latin1 code units. */
  readonly body: string
  readonly trailers: ReadonlyArray<readonly [string, string]> | undefined
  /** Bytes that follow the response. */
  readonly excess: number
  readonly failure: string | undefined
  readonly where: string | undefined
  readonly description: string | undefined
  readonly excerpt: string | undefined
  readonly deviations: ReadonlyArray<string>
}

export interface Options {
  readonly method?: string | undefined
  readonly upgrade?: boolean | undefined
  readonly limits?: Partial<ParserLimits> | undefined
}

export const bytesOf = (raw: string | Uint8Array): Buffer =>
  typeof raw === "string" ? Buffer.from(raw, "latin1") : Buffer.from(raw)

export const headersOf = (head: ParsedHead): ReadonlyArray<readonly [string, string]> =>
  Array.from({ length: head.count }, (_, index) => [head.name(index), head.value(index)] as const)

/** The outcome of the pieces, after which the peer ends its side. Each piece is a copy, as it may be written to. */
export const parsePieces = (pieces: ReadonlyArray<Uint8Array>, options: Options = {}): Outcome => {
  const informational: Array<number> = []
  const body: Array<string> = []
  const heads: Array<ParsedHead> = []
  let trailers: Outcome["trailers"]
  let completions = 0
  const parser = new Parser(
    { ...defaultLimits, ...options.limits },
    {
      onInformational: (head) => informational.push(head.status),
      onHead: (head) => heads.push(head),
      onBody: (slab, start, end) => body.push(slab.toString("latin1", start, end)),
      onComplete: (list) => {
        completions++
        trailers = list
      }
    }
  )
  parser.expect(options.method ?? "GET", options.upgrade ?? false)
  let excess = 0
  let failed = false
  for (const piece of pieces) {
    // The piece is at an odd offset of a larger slab, so that a parser that counts from the start of the slab fails.
    const slab = Buffer.alloc(piece.length + 7, 0x58)
    slab.set(piece, 3)
    if (completions > 0 || parser.isTunnel) {
      excess += piece.length
      continue
    }
    const next = parser.execute(slab, 3, 3 + piece.length)
    if (next < 0) {
      failed = true
      break
    }
    excess += 3 + piece.length - next
  }
  if (completions === 0 && !failed && !parser.isTunnel) parser.finish()
  assert.ok(heads.length <= 1 && completions <= 1, "a response is reported once")
  assert.equal(failed, parser.failure !== undefined)
  const head = heads[0]
  const failure = parser.failure
  return {
    result: failed ? "failed" : completions > 0 ? "complete" : parser.isTunnel ? "tunnel" : "cut",
    informational,
    status: head?.status,
    reason: head?.reason,
    version: head?.version,
    headers: head === undefined ? undefined : headersOf(head),
    framing: head?.framing,
    contentLength: head?.contentLength,
    keepAlive: head?.keepAlive,
    keepAliveTimeout: head?.keepAliveTimeout,
    body: body.join(""),
    trailers,
    excess,
    failure: failure?.reason,
    where: failure?.where,
    description: failure?.description,
    excerpt: failure?.excerpt,
    deviations: deviationsOf(parser.deviations)
  }
}

/** Pieces of `raw` cut at the given places. */
export const cutAt = (raw: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const sorted = [...places].sort((a, b) => a - b)
  return [0, ...sorted].map((from, index) => raw.subarray(from, sorted[index] ?? raw.length))
}

/** Two outcomes of the same bytes: an excerpt shows the rest of its line as far as it had been received. */
export const assertSame = (cut: Outcome, whole: Outcome, how: string): void => {
  assert.deepEqual({ ...cut, excerpt: undefined }, { ...whole, excerpt: undefined }, how)
  const [shorter = "", longer = ""] = [cut.excerpt, whole.excerpt]
  assert.ok(longer.startsWith(shorter), `${how}: the excerpt "${longer}" does not begin with "${shorter}"`)
  assert.equal(cut.excerpt === undefined, whole.excerpt === undefined)
}

/** The outcome of `raw` as a whole; fails if a cut in two, or into single bytes, gives another one. */
export const parse = (raw: string | Uint8Array, options: Options = {}): Outcome => {
  const bytes = bytesOf(raw)
  const whole = parsePieces([bytes], options)
  const single = [...bytes].map((byte) => Uint8Array.of(byte))
  assertSame(parsePieces(single, options), whole, "cut into single bytes")
  // Long replies are cut near their ends and at every 997th place between.
  for (let at = 0; at <= bytes.length; at++) {
    if (bytes.length > 3000 && at > 100 && at < bytes.length - 60 && at % 997 !== 0) continue
    assertSame(parsePieces(cutAt(bytes, [at]), options), whole, `cut at ${at}`)
  }
  return whole
}

/** The same by a parser that refuses tolerable deviations, with the limits that these tests were written for. */
export const parseStrict = (raw: string | Uint8Array, options: Options = {}): Outcome =>
  parse(raw, { ...options, limits: { ...strictLimits, ...options.limits } })

export const strictLimits: ParserLimits = {
  ...defaultLimits,
  strict: true,
  maxLineSize: 8190,
  maxHeaders: 128,
  maxHeadSize: 65_536,
  maxTrailerSize: 65_536,
  maxInformational: 16
}
