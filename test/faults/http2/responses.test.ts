/**
 * Responses over HTTP/2 that are cut, malformed or too large: the error of the program, the frames to the server, and whether
 * the connection goes on.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import { block, inserted, literal, reference, sizeUpdate } from "../../support/h2Fields.js"
import * as Frames from "../../support/h2Frames.js"
import {
  Code,
  type CodeName,
  continuation,
  data,
  Flag,
  frame,
  goaway,
  headers,
  ping,
  pushPromise,
  rstStream,
  Type
} from "../../support/h2Frames.js"
import { type H2Play, type H2Server, handshake, respond } from "../../support/h2Server.js"
import { itH2Fault, plays } from "../../support/itH2Fault.js"

const limits = { timeout: "15 seconds" } as const

const ok = block(":status", "200")
const okWith = (...fields: ReadonlyArray<string>) => block(":status", "200", ...fields)
const ending = { end: true } as const

/** Bytes for the stream of the request. */
type Reply = (stream: number) => ReadonlyArray<Uint8Array>

/** A failure in words: its tag, and its reason or code. */
const worded = (exit: Exit.Exit<string, ClientError>): string => {
  if (Exit.isSuccess(exit)) return `text "${exit.value}"`
  if (exit.cause._tag !== "Fail") return exit.cause._tag
  const error = exit.cause.error
  const details = [
    "reason" in error ? error.reason : undefined,
    "code" in error ? error.code : undefined,
    "expected" in error && error.expected !== undefined ? `of ${error.expected}` : undefined
  ]
  return [error._tag, ...details.filter((detail) => detail !== undefined)].join(" ")
}

const codeOf = (code: number): string =>
  Object.entries(Code).find(([, value]) => value === code)?.[0] ?? `0x${code.toString(16)}`

/** The RST_STREAM and GOAWAY frames that the first connection received, except the GOAWAY of an orderly close. */
const errorFrames = (at: H2Server): ReadonlyArray<string> =>
  at.peers[0].frames.flatMap((each) => {
    if (each.type === Type.RST_STREAM) return [`RST_STREAM ${codeOf(Frames.numberOf(each))}`]
    const isError = each.type === Type.GOAWAY && Frames.numberOf(each, 4) !== Code.NO_ERROR
    return isError ? [`GOAWAY ${codeOf(Frames.numberOf(each, 4))}`] : []
  })

interface Case {
  readonly name: string
  readonly reply: Reply
  /** Played after the reply. */
  readonly last?: H2Play
  readonly method?: string
  readonly result: string
  /** Default: nothing. */
  readonly errorFrames?: ReadonlyArray<string>
  /** Whether the next request needs a new connection. */
  readonly closes?: boolean
  readonly connector?: Parameters<typeof itH2Fault>[4] extends infer O | undefined
    ? O extends { readonly connector?: infer C }
      ? C
      : never
    : never
}

const run = (each: Case) =>
  itH2Fault(
    each.name,
    plays(
      handshake(),
      respond((stream) => Buffer.concat(each.reply(stream))),
      each.last ?? (() => Effect.void)
    ),
    (session: Session.SessionService, at: H2Server) =>
      session.request(each.method ?? "GET", `${at.url}/`, limits).pipe(ClientResponse.text),
    (exit, at) => {
      assert.strictEqual(worded(exit), each.result)
      assert.strictEqual(at.peers.length, each.closes === true ? 2 : 1)
      if (each.last !== undefined) return
      assert.deepStrictEqual(errorFrames(at), each.errorFrames ?? [])
    },
    { within: 5000, connector: each.connector }
  )

const fin: H2Play = (peer) => peer.fin
const reset: H2Play = (peer) => peer.reset
const half = (stream: number) => [headers(stream, okWith("content-length", "10")), data(stream, "hello")]

describe("a body over HTTP/2 that is cut", () => {
  const cases: ReadonlyArray<Case> = [
    {
      name: "by FIN is incomplete",
      reply: half,
      last: fin,
      result: "ClientPayloadError Incomplete of 10",
      closes: true
    },
    {
      name: "by FIN without a length is incomplete",
      reply: (stream) => [headers(stream, ok), data(stream, "hello")],
      last: fin,
      result: "ClientPayloadError Incomplete",
      closes: true
    },
    {
      name: "by GOAWAY and FIN is incomplete",
      reply: (stream) => [...half(stream), goaway(stream, Code.NO_ERROR)],
      last: fin,
      result: "ClientPayloadError Incomplete of 10",
      closes: true
    },
    {
      name: "by RST is incomplete",
      reply: half,
      last: reset,
      result: "ClientPayloadError Incomplete of 10",
      closes: true
    },
    {
      name: "by END_STREAM before its length is incomplete",
      reply: (stream) => [headers(stream, okWith("content-length", "10")), data(stream, "hello", ending)],
      result: "ClientPayloadError Incomplete of 10",
      errorFrames: ["RST_STREAM PROTOCOL_ERROR"]
    },
    {
      name: "by END_STREAM in its head is incomplete",
      reply: (stream) => [headers(stream, okWith("content-length", "3"), ending)],
      result: "ClientPayloadError Incomplete of 3",
      errorFrames: ["RST_STREAM PROTOCOL_ERROR"]
    },
    {
      name: "by RST_STREAM with NO_ERROR before its length is incomplete",
      reply: (stream) => [...half(stream), rstStream(stream, Code.NO_ERROR)],
      result: "ClientPayloadError Incomplete NO_ERROR of 10"
    },
    ...(["NO_ERROR", "CANCEL", "INTERNAL_ERROR"] satisfies ReadonlyArray<CodeName>).map(
      (name): Case => ({
        name: `by RST_STREAM with ${name} is incomplete`,
        reply: (stream) => [headers(stream, ok), data(stream, "hello"), rstStream(stream, Code[name])],
        result: `ClientPayloadError Incomplete ${name}`
      })
    ),
    {
      name: "by RST_STREAM with an unknown code is incomplete",
      reply: (stream) => [headers(stream, ok), data(stream, "hello"), rstStream(stream, 0x2a)],
      result: "ClientPayloadError Incomplete 0x2a"
    }
  ]
  for (const each of cases) run(each)
})

describe("a body over HTTP/2", () => {
  const cases: ReadonlyArray<Case> = [
    {
      name: "longer than its length is refused",
      reply: (stream) => [headers(stream, okWith("content-length", "3")), data(stream, "hello", ending)],
      result: "ClientPayloadError Framing of 3",
      errorFrames: ["RST_STREAM PROTOCOL_ERROR"]
    },
    {
      name: "that is whole is a success, whatever RST_STREAM with NO_ERROR follows",
      reply: (stream) => [headers(stream, ok), data(stream, "hello", ending), rstStream(stream, Code.NO_ERROR)],
      result: 'text "hello"'
    },
    {
      name: "is empty for 304 with a length",
      reply: (stream) => [headers(stream, block(":status", "304", "content-length", "3"), ending)],
      result: 'text ""'
    },
    {
      name: "is empty for HEAD with a length",
      method: "HEAD",
      reply: (stream) => [headers(stream, okWith("content-length", "3"), ending)],
      result: 'text ""'
    },
    ...(
      [
        ["HEAD", "200"],
        ["GET", "204"]
      ] as const
    ).map(
      ([method, status]): Case => ({
        name: `is refused for ${status} to ${method}`,
        method,
        reply: (stream) => [headers(stream, block(":status", status)), data(stream, "abc", ending)],
        result: "ClientPayloadError Framing",
        errorFrames: ["RST_STREAM PROTOCOL_ERROR"]
      })
    ),
    {
      name: "before the head is refused",
      reply: (stream) => [data(stream, "abc", ending)],
      result: "BadHttpMessage Framing",
      errorFrames: ["RST_STREAM PROTOCOL_ERROR"]
    },
    {
      name: "after 1xx only is refused",
      reply: (stream) => [headers(stream, block(":status", "103")), data(stream, "abc", ending)],
      result: "BadHttpMessage Framing",
      errorFrames: ["RST_STREAM PROTOCOL_ERROR"]
    },
    {
      name: "with trailers is whole",
      reply: (stream) => [headers(stream, ok), data(stream, "abc"), headers(stream, block("a", "b"), ending)],
      result: 'text "abc"'
    },
    {
      name: "with trailers that name its length is whole",
      reply: (stream) => [
        headers(stream, ok),
        data(stream, "abc"),
        headers(stream, block("content-length", "9"), ending)
      ],
      result: 'text "abc"'
    },
    ...(
      [
        ["do not end the stream", block("a", "b"), {}],
        ["have a :status", ok, ending],
        ["have a name in upper case", block("A", "b"), ending]
      ] as const
    ).map(
      ([name, trailers, options]): Case => ({
        name: `with trailers that ${name} is refused`,
        reply: (stream) => [headers(stream, ok), data(stream, "abc"), headers(stream, trailers, options)],
        result: "ClientPayloadError Framing",
        errorFrames: ["RST_STREAM PROTOCOL_ERROR"]
      })
    )
  ]
  for (const each of cases) run(each)
})

describe("a head over HTTP/2", () => {
  const malformed = (name: string, reason: "StatusLine" | "Header", ...fields: ReadonlyArray<string>): Case => ({
    name: `is refused for ${name}`,
    reply: (stream) => [headers(stream, block(...fields), ending)],
    result: `BadHttpMessage ${reason}`,
    errorFrames: ["RST_STREAM PROTOCOL_ERROR"]
  })
  const field = (name: string, ...fields: ReadonlyArray<string>) =>
    malformed(name, "Header", ":status", "200", ...fields)
  const cases: ReadonlyArray<Case> = [
    malformed("no :status", "StatusLine", "a", "b"),
    malformed("no fields", "StatusLine"),
    field("two :status", ":status", "200"),
    malformed("a :status after a field", "StatusLine", "a", "b", ":status", "200"),
    ...["2x0", "20", "2000", "099", "101", "", " 200"].map((status) =>
      malformed(`:status "${status}"`, "StatusLine", ":status", status)
    ),
    field("a pseudo-header of requests", ":path", "/"),
    ...["X-A", "a b", "a:b", "", "a\xff"].map((name) => field(`the name "${name}"`, name, "x")),
    ...["a\rb", "a\nb", "a\0b", "a\x7fb", " a", "a ", "\ta", "a\t"].map((value) =>
      field(`the value ${JSON.stringify(value)}`, "x", value)
    ),
    ...["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"].map((name) =>
      field(`the field ${name}`, name, "close")
    ),
    ...["+5", "-1", "5, 6", "", "18446744073709551616"].map((length) =>
      field(`content-length "${length}"`, "content-length", length)
    ),
    field("two different lengths", "content-length", "5", "content-length", "6"),
    {
      name: "may repeat the same length",
      reply: (stream) => [
        headers(stream, okWith("content-length", "5", "content-length", "5")),
        data(stream, "hello", ending)
      ],
      result: 'text "hello"'
    },
    {
      name: "may be padded and have a priority",
      reply: (stream) => [
        headers(stream, ok, { padding: 7, priority: Buffer.of(0, 0, 0, 3, 200) }),
        data(stream, "hello", { end: true, padding: 9 })
      ],
      result: 'text "hello"'
    },
    {
      name: "is refused where 1xx ends the stream",
      reply: (stream) => [headers(stream, block(":status", "103"), ending)],
      result: "BadHttpMessage Framing",
      errorFrames: ["RST_STREAM PROTOCOL_ERROR"]
    }
  ]
  for (const each of cases) run(each)

  itH2Fault(
    "keeps the order of repeated fields",
    plays(
      handshake(),
      respond((stream) =>
        headers(
          stream,
          okWith("set-cookie", "a=1", "date", "x", "set-cookie", "b=2", "date", "y", "z", "1", "a", "2"),
          ending
        )
      )
    ),
    (session, at) =>
      Effect.gen(function* () {
        const response = yield* session.get(`${at.url}/`, limits)
        assert.strictEqual(response.version, "2")
        assert.deepStrictEqual(
          response.rawHeaders.map(([name, value]) => `${Buffer.from(name)}: ${Buffer.from(value)}`),
          ["set-cookie: a=1", "date: x", "set-cookie: b=2", "date: y", "z: 1", "a: 2"]
        )
      }).pipe(Effect.scoped)
  )
})

describe("limits of heads over HTTP/2", () => {
  const http1 = { maxHeadSize: 65_536, maxHeaders: 128, maxLineSize: 8190 }
  const fields = (count: number) => Array.from({ length: count }, (_, index) => [`x${index}`, "y"]).flat()
  /** HEADERS and CONTINUATION of at most 16 KiB. */
  const split = (stream: number, bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
    const out: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length; at += 16_384) {
      const part = bytes.subarray(at, at + 16_384)
      const last = at + 16_384 >= bytes.length
      out.push(at === 0 ? headers(stream, part, { end: true, endHeaders: last }) : continuation(stream, part, last))
    }
    return out
  }
  const excess = (name: string, bytes: Uint8Array): Case => ({
    name: `refuse ${name}`,
    reply: (stream) => split(stream, bytes),
    result: "BadHttpMessage Limit",
    errorFrames: ["RST_STREAM ENHANCE_YOUR_CALM"],
    connector: { http2: { mode: "prior-knowledge" }, http1 }
  })
  const cases: ReadonlyArray<Case> = [
    excess("one field too many", block(":status", "200", ...fields(128))),
    excess("a field that is too long", block(":status", "200", "x", "y".repeat(8190))),
    excess(
      "too many bytes in all",
      block(":status", "200", ...Array.from({ length: 9 }, () => ["x", "y".repeat(8000)]).flat())
    ),
    excess("8193 empty fields", Buffer.concat([ok, ...Array.from({ length: 8193 }, () => literal("a", ""))])),
    {
      ...excess("1xx without end", ok),
      reply: (stream) =>
        Array.from({ length: 200 }, () => headers(stream, block(":status", "103", "link", "x".repeat(1000))))
    },
    {
      ...excess(
        "12,000 references to one large entry",
        Buffer.concat([ok, inserted("a", "b".repeat(4000)), Buffer.alloc(12_000, 0x80 | 62)])
      )
    },
    {
      name: "allow as many and as long fields as they say",
      reply: (stream) => split(stream, block(":status", "200", ...fields(126), "x", "y".repeat(8189))),
      result: 'text ""',
      connector: { http2: { mode: "prior-knowledge" }, http1 }
    }
  ]
  for (const each of cases) run(each)
})

describe("blocks of fields over HTTP/2", () => {
  const broken = (name: string, bytes: ReadonlyArray<number>): Case => ({
    name: `that have ${name} end the connection`,
    reply: (stream) => [headers(stream, Buffer.concat([ok, Buffer.from(bytes)]), ending)],
    result: "BadHttpMessage Framing",
    errorFrames: ["GOAWAY COMPRESSION_ERROR"],
    closes: true
  })
  const cases: ReadonlyArray<Case> = [
    broken("index 0", [0x80]),
    broken("an index beyond the tables", [0xff, 0x00]),
    broken("an integer of 6 bytes", [0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]),
    broken("a text beyond their end", [0x00, 1, 0x61, 5, 0xab]),
    broken("a text with EOS", [0x00, 1, 0x61, 0x84, 0xff, 0xff, 0xff, 0xff]),
    broken("padding of 8 ones", [0x00, 1, 0x61, 0x82, 0xf8, 0xff]),
    broken("padding of zeros", [0x00, 1, 0x61, 0x81, 0x18]),
    broken("an update of the table's size after a field", [0x20]),
    {
      name: "may begin with two updates of the table's size",
      reply: (stream) => [
        headers(stream, Buffer.concat([sizeUpdate(0), sizeUpdate(4096), ok, inserted("a", "b"), reference(62)]), ending)
      ],
      result: 'text ""'
    },
    {
      ...broken("a table larger than 4096 bytes", []),
      reply: (stream) => [headers(stream, Buffer.concat([sizeUpdate(4097), ok]), ending)]
    },
    {
      name: "in empty CONTINUATIONs without end end the connection",
      reply: (stream) => [
        headers(stream, ok, { endHeaders: false }),
        ...Array.from({ length: 1000 }, () => continuation(stream, Buffer.alloc(0), false))
      ],
      result: "BadHttpMessage Framing",
      errorFrames: ["GOAWAY ENHANCE_YOUR_CALM"],
      closes: true
    },
    ...(
      [
        ["PING", () => ping()],
        ["DATA", (stream: number) => data(stream, "x")],
        ["CONTINUATION of another stream", (stream: number) => continuation(stream + 2, Buffer.alloc(0))],
        ["an unknown frame", (stream: number) => frame(0x99, 0, stream)]
      ] as const
    ).map(
      ([name, bytes]): Case => ({
        name: `that ${name} interrupts end the connection`,
        reply: (stream) => [headers(stream, ok, { endHeaders: false }), bytes(stream)],
        result: "BadHttpMessage Framing",
        errorFrames: ["GOAWAY PROTOCOL_ERROR"],
        closes: true
      })
    )
  ]
  for (const each of cases) run(each)
})

describe("unexpected frames", () => {
  const violation = (name: string, result: string, code: CodeName, reply: Reply): Case => ({
    name: `end the connection: ${name}`,
    reply,
    result,
    errorFrames: [`GOAWAY ${code}`],
    closes: true
  })
  const cases: ReadonlyArray<Case> = [
    violation("PUSH_PROMISE", "BadHttpMessage Unsolicited", "PROTOCOL_ERROR", (stream) => [pushPromise(stream, 2, ok)]),
    violation("HEADERS on stream 2", "BadHttpMessage Unsolicited", "PROTOCOL_ERROR", () => [headers(2, ok)]),
    violation("HEADERS on a stream of later", "BadHttpMessage Unsolicited", "PROTOCOL_ERROR", (stream) => [
      headers(stream + 2, ok)
    ]),
    violation("DATA on a stream of later", "BadHttpMessage Framing", "PROTOCOL_ERROR", (stream) => [
      data(stream + 2, "x")
    ]),
    violation("ENABLE_PUSH 1", "BadHttpMessage Framing", "PROTOCOL_ERROR", () => [Frames.settings({ ENABLE_PUSH: 1 })]),
    violation("a frame that is too large", "BadHttpMessage Framing", "FRAME_SIZE_ERROR", (stream) => [
      data(stream, Buffer.alloc(16_385))
    ]),
    violation("a GOAWAY whose last stream grows", "BadHttpMessage Framing", "PROTOCOL_ERROR", (stream) => [
      goaway(stream, Code.NO_ERROR),
      goaway(stream + 2, Code.NO_ERROR)
    ]),
    violation("a GOAWAY on a stream", "BadHttpMessage Framing", "PROTOCOL_ERROR", (stream) => [
      frame(Type.GOAWAY, 0, stream, Buffer.alloc(8))
    ]),
    violation("a GOAWAY of 7 bytes", "BadHttpMessage Framing", "FRAME_SIZE_ERROR", () => [
      frame(Type.GOAWAY, 0, 0, Buffer.alloc(7))
    ]),
    violation("a window above 2^31-1", "BadHttpMessage Framing", "FLOW_CONTROL_ERROR", () => [
      Frames.windowUpdate(0, 2 ** 31 - 1),
      Frames.windowUpdate(0, 2 ** 31 - 1)
    ]),
    violation(
      "SETTINGS that make the window of a stream overflow",
      "BadHttpMessage Framing",
      "FLOW_CONTROL_ERROR",
      (stream) => [Frames.windowUpdate(stream, 2 ** 31 - 1 - 65_535), Frames.settings({ INITIAL_WINDOW_SIZE: 65_536 })]
    ),
    violation("WINDOW_UPDATE of 0", "BadHttpMessage Framing", "PROTOCOL_ERROR", () => [Frames.windowUpdate(0, 0)]),
    violation("padding beyond the frame", "BadHttpMessage Framing", "PROTOCOL_ERROR", (stream) => [
      frame(Type.HEADERS, Flag.PADDED | Flag.END_HEADERS, stream, Buffer.of(9, 1))
    ])
  ]
  for (const each of cases) run(each)
})
