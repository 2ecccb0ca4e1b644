/**
 * The frames of the Autobahn test suite's cases 1 to 7 and 10, as its fuzzing server sends them, and the answers of an
 * echoing client, as data. Where the suite allows several outcomes, the row holds this client's.
 */
import {
  binary,
  close,
  continuation,
  type FrameSpec,
  frame,
  opcodes,
  ping,
  pong,
  text
} from "../support/webSocketServer.js"

/** A frame that the client sends: its opcode and its payload as latin1. */
export type Answer = readonly [opcode: number, payload: string]

export interface Row {
  readonly id: string
  readonly frames: ReadonlyArray<Buffer>
  readonly answers: ReadonlyArray<Answer>
  /** The code of the client's close; `undefined` is an empty one. Default 1000, after the server's. */
  readonly code?: number | undefined
  /** Whether the frames of the row end the connection, so that the server does not send another close frame. */
  readonly ends?: boolean
  /** The size in bytes of the pieces in which the frames are sent. */
  readonly chop?: number
}

const bytes = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ""), "hex")

const latin1 = (payload: string | Uint8Array): string => Buffer.from(payload).toString("latin1")

const echoText = (payload: string | Uint8Array): Answer => [opcodes.text, latin1(payload)]
const echoBinary = (payload: string | Uint8Array): Answer => [opcodes.binary, latin1(payload)]
const ponged = (payload: string | Uint8Array = ""): Answer => [opcodes.pong, latin1(payload)]

const fails = (
  id: string,
  frames: ReadonlyArray<Buffer>,
  answers: ReadonlyArray<Answer> = [],
  code = 1002,
  chop?: number
): Row => ({ id, frames, answers, code, ends: true, ...(chop === undefined ? {} : { chop }) })

const odd = (opcode: number, spec: Partial<FrameSpec> = {}): Buffer => frame({ opcode, ...spec })

const star = (size: number) => "*".repeat(size)
const fe = (size: number) => new Uint8Array(size).fill(0xfe)

const sizes = [0, 125, 126, 127, 128, 65535, 65536]

const framing: ReadonlyArray<Row> = [
  ...sizes.map((size, i) => ({ id: `1.1.${i + 1}`, frames: [text(star(size))], answers: [echoText(star(size))] })),
  { id: "1.1.8", frames: [text(star(65536))], answers: [echoText(star(65536))], chop: 997 },
  ...sizes.map((size, i) => ({ id: `1.2.${i + 1}`, frames: [binary(fe(size))], answers: [echoBinary(fe(size))] })),
  { id: "1.2.8", frames: [binary(fe(65536))], answers: [echoBinary(fe(65536))], chop: 997 }
]

const hello = "Hello, world!"
const someBytes = bytes("00 ff fe fd fc fb 00 ff")
const tenPings = Array.from({ length: 10 }, (_, i) => `payload-${i}`)

const pings: ReadonlyArray<Row> = [
  { id: "2.1", frames: [ping()], answers: [ponged()] },
  { id: "2.2", frames: [ping(hello)], answers: [ponged(hello)] },
  { id: "2.3", frames: [ping(someBytes)], answers: [ponged(someBytes)] },
  { id: "2.4", frames: [ping(fe(125))], answers: [ponged(fe(125))] },
  fails("2.5", [ping(fe(126))]),
  { id: "2.6", frames: [ping(fe(125))], answers: [ponged(fe(125))], chop: 1 },
  { id: "2.7", frames: [pong()], answers: [] },
  { id: "2.8", frames: [pong("unsolicited")], answers: [] },
  { id: "2.9", frames: [pong("unsolicited"), ping("ping")], answers: [ponged("ping")] },
  { id: "2.10", frames: tenPings.map((payload) => ping(payload)), answers: tenPings.map(ponged) },
  { id: "2.11", frames: tenPings.map((payload) => ping(payload)), answers: tenPings.map(ponged), chop: 1 }
]

const reserved: ReadonlyArray<Row> = [
  fails("3.1", [odd(1, { payload: hello, rsv: 1 })]),
  fails("3.2", [text(hello), odd(1, { payload: hello, rsv: 2 }), ping()], [echoText(hello)]),
  fails("3.3", [text(hello), odd(1, { payload: hello, rsv: 3 }), ping()], [echoText(hello)]),
  fails("3.4", [text(hello), odd(1, { payload: hello, rsv: 4 }), ping()], [echoText(hello)], 1002, 1),
  fails("3.5", [odd(2, { payload: someBytes, rsv: 5 })]),
  fails("3.6", [odd(9, { payload: hello, rsv: 6 })]),
  fails("3.7", [odd(8, { rsv: 7 })])
]

const unknown = (group: string, from: number): ReadonlyArray<Row> => [
  fails(`${group}.1`, [odd(from)]),
  fails(`${group}.2`, [odd(from + 1, { payload: "reserved opcode" })]),
  fails(`${group}.3`, [text(hello), odd(from + 2), ping()], [echoText(hello)]),
  fails(`${group}.4`, [text(hello), odd(from + 3, { payload: hello }), ping()], [echoText(hello)]),
  fails(`${group}.5`, [text(hello), odd(from + 4, { payload: hello }), ping()], [echoText(hello)], 1002, 1)
]

const two = [text("fragment1", false), continuation("fragment2")]
const twoEchoed = echoText("fragment1fragment2")
const withPing = [text("fragment1", false), ping("ping payload"), continuation("fragment2")]
const stray = [continuation("non-continuation payload"), text(hello)]
const strayOpen = [continuation("non-continuation payload", false), text(hello)]
const five = [
  text("fragment1", false),
  continuation("fragment2", false),
  ping("pongme 1!"),
  continuation("fragment3", false),
  continuation("fragment4", false),
  ping("pongme 2!"),
  continuation("fragment5")
]
const fiveEchoed = [ponged("pongme 1!"), ponged("pongme 2!"), echoText("fragment1fragment2fragment3fragment4fragment5")]

const fragmentation: ReadonlyArray<Row> = [
  fails("5.1", [odd(9, { payload: "fragment1", fin: false }), continuation("fragment2")]),
  fails("5.2", [odd(10, { payload: "fragment1", fin: false }), continuation("fragment2")]),
  { id: "5.3", frames: two, answers: [twoEchoed] },
  { id: "5.4", frames: two, answers: [twoEchoed], chop: 11 },
  { id: "5.5", frames: two, answers: [twoEchoed], chop: 1 },
  { id: "5.6", frames: withPing, answers: [ponged("ping payload"), twoEchoed] },
  { id: "5.7", frames: withPing, answers: [ponged("ping payload"), twoEchoed], chop: 11 },
  { id: "5.8", frames: withPing, answers: [ponged("ping payload"), twoEchoed], chop: 1 },
  fails("5.9", stray),
  fails("5.10", stray, [], 1002, 26),
  fails("5.11", stray, [], 1002, 1),
  fails("5.12", strayOpen),
  fails("5.13", strayOpen, [], 1002, 26),
  fails("5.14", strayOpen, [], 1002, 1),
  fails("5.15", [...two, continuation("fragment3", false), continuation("fragment4")], [twoEchoed]),
  fails("5.16", [continuation("fragment1", false), text("fragment2", false), continuation("fragment3")]),
  fails("5.17", [continuation("fragment1"), text("fragment2", false), continuation("fragment3")]),
  fails("5.18", [text("fragment1", false), text("fragment2")]),
  { id: "5.19", frames: five, answers: fiveEchoed },
  { id: "5.20", frames: five, answers: fiveEchoed, chop: 11 }
]

// UTF-8: each row is one text message in one frame, and again byte by byte in fragments.

const valid: ReadonlyArray<readonly [id: string, hex: string]> = [
  ["6.5", "ce ba e1 bd b9 cf 83 ce bc ce b5"],
  ["6.7.1", "00"],
  ["6.7.2", "c2 80"],
  ["6.7.3", "e0 a0 80"],
  ["6.7.4", "f0 90 80 80"],
  ["6.9.1", "7f"],
  ["6.9.2", "df bf"],
  ["6.9.3", "ef bf bf"],
  ["6.9.4", "f4 8f bf bf"],
  ["6.11.1", "ed 9f bf"],
  ["6.11.2", "ee 80 80"],
  ["6.11.3", "ef bf bd"],
  ["6.11.4", "f4 8f bf bf"],
  ...["ef bf be", "ef bf bf"].map((hex, i) => [`6.22.${i + 1}`, hex] as const),
  ...Array.from({ length: 16 }, (_, plane) => plane + 1).flatMap((plane) =>
    [0xfffe, 0xffff].map((low, i) => {
      const hex = Buffer.from(String.fromCodePoint(plane * 0x10000 + low)).toString("hex")
      return [`6.22.${plane * 2 + 1 + i}`, hex] as const
    })
  ),
  ["6.23.1", "ef bf b9"],
  ["6.23.2", "ef bf ba"],
  ["6.23.3", "ef bf bb"],
  ["6.23.4", "ef bf bc"],
  ["6.23.5", "ef bf bd"],
  ["6.23.6", "ef bf be"],
  ["6.23.7", "ef bf bf"]
]

const greek = bytes("ce ba e1 bd b9 cf 83 ce bc ce b5")

/** The beginnings of a text that end within a character. */
const cutWithin = Array.from({ length: greek.length - 1 }, (_, i) => i + 1)
  .map((end) => greek.subarray(0, end))
  .map((part, i) => [`6.6.${i + 1}`, part.toString("hex")] as const)

const isWhole = (hex: string): boolean => !Buffer.from(hex, "hex").toString("utf8").includes("\ufffd")

const invalid: ReadonlyArray<readonly [id: string, hex: string]> = [
  ["6.3", "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64"],
  ["6.4", "ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80 65 64 69 74 65 64"],
  ...cutWithin.filter(([, hex]) => !isWhole(hex)),
  ["6.8.1", "f8 88 80 80 80"],
  ["6.8.2", "fc 84 80 80 80 80"],
  ["6.10.1", "f7 bf bf bf"],
  ["6.10.2", "fb bf bf bf bf"],
  ["6.10.3", "fd bf bf bf bf bf"],
  ["6.11.5", "f4 90 80 80"],
  ["6.12.1", "80"],
  ["6.12.2", "bf"],
  ["6.12.3", "80 bf"],
  ["6.12.4", "80 bf 80"],
  ["6.12.5", "80 bf 80 bf"],
  ["6.12.6", "80 bf 80 bf 80"],
  ["6.12.7", "80 bf 80 bf 80 bf"],
  ["6.12.8", Array.from({ length: 64 }, (_, i) => (0x80 + i).toString(16)).join("")],
  ["6.13.1", Array.from({ length: 32 }, (_, i) => `${(0xc0 + i).toString(16)}20`).join("")],
  ["6.13.2", Array.from({ length: 16 }, (_, i) => `${(0xe0 + i).toString(16)}20`).join("")],
  ["6.13.3", "f0 20 f1 20 f2 20 f3 20 f4 20 f5 20 f6 20 f7 20"],
  ["6.13.4", "f8 20 f9 20 fa 20 fb 20"],
  ["6.13.5", "fc 20 fd 20"],
  ["6.14.1", "c0"],
  ["6.14.2", "e0 80"],
  ["6.14.3", "f0 80 80"],
  ["6.14.4", "f8 80 80 80"],
  ["6.14.5", "fc 80 80 80 80"],
  ["6.14.6", "df"],
  ["6.14.7", "ef bf"],
  ["6.14.8", "f7 bf bf"],
  ["6.14.9", "fb bf bf bf"],
  ["6.14.10", "fd bf bf bf bf"],
  ["6.15", "c0 e0 80 f0 80 80 f8 80 80 80 fc 80 80 80 80 df ef bf f7 bf bf fb bf bf bf fd bf bf bf bf"],
  ["6.16.1", "fe"],
  ["6.16.2", "ff"],
  ["6.16.3", "fe fe ff ff"],
  ["6.17.1", "c0 af"],
  ["6.17.2", "e0 80 af"],
  ["6.17.3", "f0 80 80 af"],
  ["6.17.4", "f8 80 80 80 af"],
  ["6.17.5", "fc 80 80 80 80 af"],
  ["6.18.1", "c1 bf"],
  ["6.18.2", "e0 9f bf"],
  ["6.18.3", "f0 8f bf bf"],
  ["6.18.4", "f8 87 bf bf bf"],
  ["6.18.5", "fc 83 bf bf bf bf"],
  ["6.19.1", "c0 80"],
  ["6.19.2", "e0 80 80"],
  ["6.19.3", "f0 80 80 80"],
  ["6.19.4", "f8 80 80 80 80"],
  ["6.19.5", "fc 80 80 80 80 80"],
  ["6.20.1", "ed a0 80"],
  ["6.20.2", "ed ad bf"],
  ["6.20.3", "ed ae 80"],
  ["6.20.4", "ed af bf"],
  ["6.20.5", "ed b0 80"],
  ["6.20.6", "ed be 80"],
  ["6.20.7", "ed bf bf"],
  ["6.21.1", "ed a0 80 ed b0 80"],
  ["6.21.2", "ed a0 80 ed bf bf"],
  ["6.21.3", "ed ad bf ed b0 80"],
  ["6.21.4", "ed ad bf ed bf bf"],
  ["6.21.5", "ed ae 80 ed b0 80"],
  ["6.21.6", "ed ae 80 ed bf bf"],
  ["6.21.7", "ed af bf ed b0 80"],
  ["6.21.8", "ed af bf ed bf bf"]
]

/** One text message, a frame for each byte. */
const byteFragments = (payload: Buffer): ReadonlyArray<Buffer> =>
  Array.from(payload, (byte, i) => {
    const fin = i === payload.length - 1
    return i === 0 ? text(Uint8Array.of(byte), fin) : continuation(Uint8Array.of(byte), fin)
  })

const validRows = (id: string, hex: string): ReadonlyArray<Row> => [
  { id, frames: [text(bytes(hex))], answers: [echoText(bytes(hex))] },
  { id: `${id} in fragments`, frames: byteFragments(bytes(hex)), answers: [echoText(bytes(hex))] }
]

const invalidRows = (id: string, hex: string): ReadonlyArray<Row> => [
  fails(id, [text(bytes(hex))], [], 1007),
  fails(`${id} in fragments`, byteFragments(bytes(hex)), [], 1007)
]

/** A text frame of which only a part has arrived. */
const begun = (payload: Buffer): Buffer =>
  Buffer.concat([frame({ opcode: opcodes.text, length: BigInt(payload.length + 100) }), payload])

const sentence = "Hello-µ@ßöäüàá-UTF-8!!"

const utf8: ReadonlyArray<Row> = [
  { id: "6.1.1", frames: [text("")], answers: [echoText("")] },
  { id: "6.1.2", frames: [text("", false), continuation("", false), continuation("")], answers: [echoText("")] },
  {
    id: "6.1.3",
    frames: [text("", false), continuation("middle", false), continuation("")],
    answers: [echoText("middle")]
  },
  { id: "6.2.1", frames: [text(sentence)], answers: [echoText(sentence)] },
  {
    id: "6.2.2",
    frames: [text(Buffer.from(sentence).subarray(0, 7), false), continuation(Buffer.from(sentence).subarray(7))],
    answers: [echoText(sentence)]
  },
  { id: "6.2.3", frames: byteFragments(Buffer.from(sentence)), answers: [echoText(sentence)] },
  { id: "6.2.4", frames: byteFragments(greek), answers: [echoText(greek)] },
  ...cutWithin.filter(([, hex]) => isWhole(hex)).flatMap(([id, hex]) => validRows(id, hex)),
  ...valid.flatMap(([id, hex]) => validRows(id, hex)),
  ...invalid.flatMap(([id, hex]) => invalidRows(id, hex)),
  // The rest of the message never arrives: the client must fail as soon as no continuation can be valid UTF-8.
  fails("6.4.1", [text(greek, false), continuation(bytes("f4 90 80 80"), false)], [], 1007),
  fails("6.4.2", [text(Buffer.concat([greek, bytes("f4")]), false), continuation(bytes("90"), false)], [], 1007),
  fails("6.4.3", [begun(Buffer.concat([greek, bytes("f4 90 80 80")]))], [], 1007),
  fails("6.4.4", [begun(Buffer.concat([greek, bytes("f4")])), bytes("90")], [], 1007),
  fails("6.4.4 by bytes", [begun(Buffer.concat([greek, bytes("f4")])), bytes("90")], [], 1007, 1),
  fails("6.4 behind a ping", [text(greek, false), ping("p"), continuation(bytes("ff"), false)], [ponged("p")], 1007),
  fails("6.4 cut by an empty end", [text(bytes("ce"), false), continuation("")], [], 1007),
  fails("6.4 at the end of a large frame", [begun(Buffer.concat([Buffer.alloc(99_999, "*"), bytes("c0")]))], [], 1007)
]

const closes = (
  id: string,
  frames: ReadonlyArray<Buffer>,
  code: number | undefined,
  answers: ReadonlyArray<Answer> = []
): Row => ({
  id,
  frames,
  answers,
  code,
  ends: true
})

const good = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
const bad = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]

const closing: ReadonlyArray<Row> = [
  closes("7.1.1", [text(hello), close(1000)], 1000, [echoText(hello)]),
  closes("7.1.2", [close(1000), close(1000)], 1000),
  closes("7.1.3", [close(1000), ping()], 1000),
  closes("7.1.4", [close(1000), text(hello)], 1000),
  closes("7.1.5", [text("fragment1", false), close(1000), continuation("fragment2")], 1000),
  closes("7.1.6", [text(star(256 * 1024)), text(hello), close(1000), ping()], 1000, [
    echoText(star(256 * 1024)),
    echoText(hello)
  ]),
  closes("7.3.1", [close()], undefined),
  fails("7.3.2", [odd(8, { payload: "a" })]),
  closes("7.3.3", [close(1000)], 1000),
  closes("7.3.4", [close(1000, hello)], 1000),
  closes("7.3.5", [close(1000, star(123))], 1000),
  fails("7.3.6", [close(1000, star(124))]),
  fails("7.5.1", [close(1000, bytes("ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64"))], [], 1007),
  ...good.map((code, i) => closes(`7.7.${i + 1}`, [close(code)], code)),
  ...bad.map((code, i) => fails(`7.9.${i + 1}`, [close(code)])),
  fails("7.9.10", [close(1015)]),
  fails("7.13.1", [close(5000)]),
  fails("7.13.2", [close(65535)])
]

const fragmented = (payload: string, size: number): ReadonlyArray<Buffer> => {
  const count = Math.ceil(payload.length / size)
  return Array.from({ length: count }, (_, i) => {
    const part = payload.slice(i * size, (i + 1) * size)
    return i === 0 ? text(part, count === 1) : continuation(part, i === count - 1)
  })
}

/** Faults of frames that the suite does not contain. */
const more: ReadonlyArray<Row> = [
  fails("a masked frame", [odd(1, { payload: hello, mask: Uint8Array.of(1, 2, 3, 4) })]),
  fails("a masked frame with a mask of zeros", [odd(1, { payload: hello, mask: Uint8Array.of(0, 0, 0, 0) })]),
  fails("a length with its first bit set", [odd(2, { length: 2n ** 63n })]),
  fails("a length beyond what can be", [odd(2, { length: 2n ** 53n })], [], 1009),
  fails("RSV1 on a continuation", [text("a", false), odd(0, { payload: "b", rsv: 4 })]),
  fails("a close of one byte after messages", [text(hello), odd(8, { payload: "a" })], [echoText(hello)])
]

export const groups: { readonly [name: string]: ReadonlyArray<Row> } = {
  "1 framing": framing,
  "2 pings and pongs": pings,
  "3 reserved bits": reserved,
  "4 opcodes": [...unknown("4.1", 3), ...unknown("4.2", 11)],
  "5 fragmentation": fragmentation,
  "6 UTF-8": utf8,
  "7 closing": closing,
  "10 fragments of one size": [
    { id: "10.1.1", frames: fragmented(star(65536), 1300), answers: [echoText(star(65536))] }
  ],
  "beyond the suite": more
}
