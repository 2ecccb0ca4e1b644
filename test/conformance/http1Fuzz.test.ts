import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { decodeText } from "../../src/internal/network/http1/head.js"
import { type NodeOutcome, nodeOutcome } from "../support/nodeClient.js"
import { bytesOf, cutAt, type Outcome, parsePieces, strictLimits } from "../support/replies.js"

// FUZZ_SEED, FUZZ_RUNS and FUZZ_TIME (milliseconds for each property) are for longer runs by hand.
const seed = Number(process.env.FUZZ_SEED ?? 20261122)
const crlf = "\r\n"

interface Reply {
  readonly status: number
  readonly reason: string
  readonly version: "1.0" | "1.1"
  readonly fields: ReadonlyArray<readonly [string, string]>
  readonly informational: ReadonlyArray<number>
  readonly framing: "length" | "chunked" | "close"
  readonly chunks: ReadonlyArray<string>
  readonly extension: string
  readonly trailers: ReadonlyArray<readonly [string, string]>
  readonly space: string
}

const name = fc.constantFrom(
  "A",
  "x-b",
  "Content-Type",
  "ETag",
  "Set-Cookie",
  "__proto__",
  "Date",
  "Server",
  "!#$%&'*+-.^_`|~"
)
const char = fc.constantFrom(...'abc xyz,;:="\\/\t\x80\xc3\xa9\xff(){}<>')
const text = fc.array(char, { maxLength: 12 }).map((chars) => chars.join("").replace(/^[ \t]+|[ \t]+$/g, ""))
const field = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(name, text) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ["Connection", "close"] as const,
      ["Connection", "keep-alive"] as const,
      ["Keep-Alive", "timeout=5"] as const,
      ["Trailer", "A"] as const
    )
  }
)
const fields = fc.array(field, { maxLength: 5 })
const chunk = fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 20 })

const replies: fc.Arbitrary<Reply> = fc
  .record({
    status: fc.oneof(
      { weight: 4, arbitrary: fc.constant(200) },
      { weight: 2, arbitrary: fc.constantFrom(204, 304, 404, 500) },
      { weight: 1, arbitrary: fc.integer({ min: 200, max: 999 }) }
    ),
    reason: text,
    version: fc.constantFrom("1.1", "1.1", "1.1", "1.0"),
    fields,
    informational: fc.array(fc.constantFrom(100, 102, 103), { maxLength: 2 }),
    framing: fc.constantFrom("length", "chunked", "close"),
    chunks: fc.array(chunk, { maxLength: 4 }),
    extension: fc.constantFrom("", "", ";a", ";a=b;c", ';a="b c"'),
    trailers: fc.array(fc.tuple(fc.constantFrom("A", "x-t"), text), { maxLength: 2 }),
    space: fc.constantFrom("", " ", "\t ")
  } satisfies { readonly [K in keyof Reply]: fc.Arbitrary<unknown> })
  .map((reply) => ({
    ...reply,
    // HTTP/1.0 has no chunks, a status without a body has the length 0, and Node decides 205 differently.
    framing: reply.version === "1.0" && reply.framing === "chunked" ? "length" : reply.framing,
    status: reply.status === 205 ? 206 : reply.status
  }))

const lines = (list: Reply["fields"], space: string) =>
  list.map(([key, value]) => `${key}:${space}${value}${space}${crlf}`).join("")

const hasNoBody = (reply: Reply, method: string) => method === "HEAD" || reply.status === 204 || reply.status === 304

const render = (reply: Reply, method: string): string => {
  const body = hasNoBody(reply, method) ? [] : reply.chunks
  const size = reply.chunks.join("").length
  const framing =
    reply.framing === "length"
      ? `Content-Length:${reply.space}${reply.status === 204 ? 0 : size}${crlf}`
      : reply.framing === "chunked"
        ? `Transfer-Encoding:${reply.space}chunked${crlf}`
        : ""
  const head = `HTTP/${reply.version} ${reply.status} ${reply.reason}${crlf}${lines(reply.fields, reply.space)}${framing}${crlf}`
  const first = reply.informational.map((status) => `HTTP/1.1 ${status} x${crlf}Link: </a>${crlf}${crlf}`).join("")
  if (reply.framing !== "chunked" || hasNoBody(reply, method)) return first + head + body.join("")
  const chunks = body.map((data) => `${data.length.toString(16)}${reply.extension}${crlf}${data}${crlf}`).join("")
  return `${first}${head}${chunks}0${crlf}${lines(reply.trailers, reply.space)}${crlf}`
}

type Edit = readonly [kind: "insert" | "remove" | "replace" | "repeat", place: number, text: string, size: number]

const odd = fc.constantFrom(
  "\0",
  "\t",
  "\n",
  "\r",
  "\r\n",
  " ",
  ":",
  ",",
  ";",
  '"',
  "\x7f",
  "\x80",
  "0",
  "1",
  "2",
  "a",
  "-",
  "+",
  "x",
  "\x0b",
  "Content-Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity\r\n",
  "Connection: close\r\n",
  "HTTP/1.1 200 OK\r\n",
  "\r\n\r\n",
  " \r\n",
  ", 3",
  "Upgrade: x\r\n"
)
const edits: fc.Arbitrary<ReadonlyArray<Edit>> = fc.array(
  fc.tuple(
    fc.constantFrom("insert", "remove", "replace", "repeat"),
    fc.nat(1_000_000),
    odd,
    fc.integer({ min: 1, max: 6 })
  ),
  { minLength: 1, maxLength: 3 }
)

const mutate = (raw: string, list: ReadonlyArray<Edit>): string =>
  list.reduce((bytes, [kind, place, odd, size]) => {
    const at = place % (bytes.length + 1)
    const before = bytes.slice(0, at)
    if (kind === "insert") return before + odd + bytes.slice(at)
    if (kind === "remove") return before + bytes.slice(at + size)
    if (kind === "replace") return before + odd + bytes.slice(at + odd.length)
    return before + bytes.slice(at, at + size * 4) + bytes.slice(at)
  }, raw)

const trimmed = (list: NodeOutcome["headers"]): ReadonlyArray<ReadonlyArray<string>> =>
  list.map(([key, value]) => [key, decodeText(value.replace(/^[ \t]+|[ \t]+$/g, ""))])

/** Whether this client differs from Node on purpose, in a way that cannot desynchronise a connection. */
const isKnown = (parsed: Outcome): boolean => {
  const lengths = parsed.headers?.filter(([key]) => key.toLowerCase() === "content-length") ?? []
  // Equal Content-Lengths may be repeated; a 205 has no body.
  return lengths.length > 1 || (lengths[0]?.[1].includes(",") ?? false) || parsed.status === 205
}

/** Whether Node rejects a response that RFC 9112 requires a client to accept. */
const isStricter = (parsed: Outcome, node: NodeOutcome): boolean =>
  // After an informational response with Connection: close the client does not use the connection again.
  (node.error === "HPE_CLOSED_CONNECTION" && parsed.informational.length > 0) ||
  // Framing fields among the trailers; we drop them.
  (parsed.framing === "chunked" &&
    (node.error === "HPE_INVALID_CONTENT_LENGTH" || node.error === "HPE_INVALID_TRANSFER_ENCODING"))

const same = (parsed: Outcome, node: NodeOutcome, raw: string) => {
  const shown = JSON.stringify({ raw, parsed, node }, undefined, 1)
  assert.isTrue(node.complete, `we accept what Node rejects: ${shown}`)
  assert.strictEqual(parsed.status, node.status, shown)
  assert.strictEqual(parsed.reason, decodeText(node.reason ?? ""), shown)
  assert.deepStrictEqual<unknown>(parsed.headers, trimmed(node.headers), shown)
  assert.strictEqual(parsed.body, node.body, shown)
}

const parameters = { seed, interruptAfterTimeLimit: Number(process.env.FUZZ_TIME ?? 20_000) } as const
const methods = fc.constantFrom("GET", "GET", "GET", "HEAD", "POST")
const places = fc.array(fc.nat(400), { maxLength: 6 })
const piecesOf = (raw: string, cuts: ReadonlyArray<number>) => {
  const bytes = bytesOf(raw)
  return cutAt(
    bytes,
    cuts.filter((place) => place < bytes.length)
  )
}

describe(`fuzzing against node:http (seed ${seed})`, () => {
  it("reads correct replies like Node", async () => {
    await fc.assert(
      fc.asyncProperty(replies, methods, places, async (reply, method, cuts) => {
        const raw = render(reply, method)
        const pieces = piecesOf(raw, cuts)
        const parsed = parsePieces(pieces, { method, limits: strictLimits })
        assert.strictEqual(parsed.result, "complete", JSON.stringify({ raw, parsed }))
        assert.strictEqual(parsed.status, reply.status)
        assert.strictEqual(parsed.excess, 0)
        assert.deepStrictEqual(parsed.informational, reply.informational)
        assert.strictEqual(parsed.body, hasNoBody(reply, method) ? "" : reply.chunks.join(""))
        same(parsed, await nodeOutcome(method, pieces), raw)
      }),
      { ...parameters, numRuns: Number(process.env.FUZZ_RUNS ?? 1500) }
    )
  })

  it("does not accept a reply that Node rejects, and reads all others like Node", async () => {
    let accepted = 0
    let rejected = 0
    await fc.assert(
      fc.asyncProperty(replies, edits, methods, places, async (reply, list, method, cuts) => {
        const raw = mutate(render(reply, method), list)
        const pieces = piecesOf(raw, cuts)
        const parsed = parsePieces(pieces, { method, limits: strictLimits })
        if (parsed.result !== "complete" || isKnown(parsed)) {
          rejected++
          return
        }
        accepted++
        const node = await nodeOutcome(method, pieces)
        if (isStricter(parsed, node)) return
        same(parsed, node, raw)
      }),
      { ...parameters, numRuns: 4 * Number(process.env.FUZZ_RUNS ?? 1500) }
    )
    // Both happen often, or nothing was compared.
    assert.isAbove(accepted, 50)
    assert.isAbove(rejected, 50)
  })
})
