/**
 * Connections over HTTP/2 that end, stall, flood, or speak something else.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import { block } from "../../support/h2Fields.js"
import * as Frames from "../../support/h2Frames.js"
import {
  Code,
  data,
  Flag,
  frame,
  goaway,
  headers,
  ping,
  priority,
  rstStream,
  Type,
  windowUpdate
} from "../../support/h2Frames.js"
import {
  type H2Peer,
  type H2Play,
  type H2Server,
  h2Server,
  handshake,
  respond,
  response,
  send
} from "../../support/h2Server.js"
import { outcome } from "../../support/itFault.js"
import { h2Session, itH2Fault, plays } from "../../support/itH2Fault.js"
import { renderings } from "../../support/renderings.js"
import { turns } from "../../support/wait.js"

const ok = block(":status", "200")
const ending = { end: true } as const
const limits = { timeout: "15 seconds" } as const

const errorOf = <A>(exit: Exit.Exit<A, ClientError>): ClientError => {
  if (Exit.isFailure(exit) && exit.cause._tag === "Fail") return exit.cause.error
  return assert.fail("expected a failure")
}

/** The codes of the GOAWAYs that the first connection got. */
const goodbyes = (at: H2Server) =>
  at.peers[0].frames.filter(({ type }) => type === Type.GOAWAY).map((each) => Frames.numberOf(each, 4))

describe("a server over HTTP/2 that speaks something else", () => {
  for (const [name, text] of [
    ["HTTP/1.1", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"],
    ["SSH", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["SMTP", "220 mail.example ESMTP\r\n"]
  ] as const) {
    itH2Fault(
      `such as ${name} is named as such`,
      send(text),
      (session, at) => session.get(`${at.url}/`, limits).pipe(ClientResponse.text),
      (exit, at) => {
        const error = errorOf(exit)
        assert.strictEqual(error._tag, "BadHttpMessage")
        if (error._tag !== "BadHttpMessage") return
        assert.strictEqual(error.reason, "Framing")
        assert.strictEqual(error.description, "expected SETTINGS of HTTP/2 first, got another protocol")
        assert.isTrue(text.startsWith(error.excerpt))
        assert.deepStrictEqual(goodbyes(at), [Code.PROTOCOL_ERROR])
      },
      { within: 5000 }
    )
  }

  itH2Fault(
    "such as a first frame other than SETTINGS is refused",
    send(ping()),
    (session, at) => session.get(`${at.url}/`, limits).pipe(ClientResponse.text),
    (exit, at) => {
      assert.strictEqual(outcome(exit), "BadHttpMessage")
      assert.deepStrictEqual(goodbyes(at), [Code.PROTOCOL_ERROR])
    },
    { within: 5000 }
  )

  itH2Fault(
    "or nothing at all is abandoned at the time limits of the requests",
    (peer) => Effect.asVoid(peer.frame("RST_STREAM")),
    (session, at) =>
      Effect.zip(
        Effect.exit(session.get(`${at.url}/first`, { timeout: { headers: 300 } })),
        Effect.exit(session.get(`${at.url}/joins`, { timeout: { connect: 200 } })),
        { concurrent: true }
      ),
    (exit) => {
      if (!Exit.isSuccess(exit)) return assert.fail("failed")
      assert.deepStrictEqual(exit.value.map(outcome), ["SocketTimeoutError", "ConnectionTimeoutError"])
    },
    { followUp: false, settle: 2000 }
  )
})

describe("a connection over HTTP/2", () => {
  itH2Fault(
    "on which a block of fields arrives slowly applies the limit of the head, and stays open",
    plays(handshake(), (peer) =>
      Effect.gen(function* () {
        const { stream } = yield* peer.head
        const bytes = headers(stream, block(":status", "200", "x-a", "1234567890"), ending)
        const gone = peer.frame("RST_STREAM")
        let sent = 0
        const trickle = Effect.suspend(() => peer.send(bytes.subarray(sent, ++sent)))
        yield* Effect.race(gone, Effect.forever(Effect.zipRight(trickle, Effect.sleep(40))))
        yield* peer.send(bytes.subarray(sent))
      })
    ),
    (session, at) => session.get(`${at.url}/`, { timeout: { headers: 300 } }).pipe(ClientResponse.text),
    (exit, at) => {
      const error = errorOf(exit)
      assert.strictEqual(error._tag === "SocketTimeoutError" ? error.phase : error._tag, "headers")
      assert.lengthOf(at.peers, 1)
    }
  )

  const debug = `too many\r\ncookie: s3cr3t-session ${"x".repeat(16_000)}`
  itH2Fault(
    "that ends with a debug text does not show it",
    plays(
      handshake(),
      respond(() => goaway(0, Code.ENHANCE_YOUR_CALM, debug))
    ),
    (session, at) => session.get(`${at.url}/`, limits).pipe(ClientResponse.text),
    (exit) => {
      const error = errorOf(exit)
      if (error._tag !== "StreamResetError") return assert.fail(error._tag)
      assert.isAtMost(error.debug.length, 400)
      assert.isTrue(error.debug.startsWith("too many\\r\\n"))
      for (const text of Object.values(renderings(error))) assert.notInclude(text, "too many\\r\\n")
    },
    { secrets: ["s3cr3t-session"] }
  )

  itH2Fault(
    "that ends because of one request fails the others according to their own state",
    plays(handshake(), (peer) =>
      Effect.gen(function* () {
        const requests = yield* Effect.all(Effect.replicate(peer.head, 3))
        const idOf = (target: string) => requests.find((request) => request.target === target)?.stream ?? 0
        yield* peer.send(Buffer.concat([headers(idOf("/body"), ok), data(idOf("/body"), "x")]))
        yield* peer.send(frame(Type.HEADERS, Flag.PADDED | Flag.END_HEADERS, idOf("/fault"), Buffer.of(9, 1)))
      })
    ),
    (session, at) =>
      Effect.forEach(
        ["/fault", "/head", "/body"],
        (path) => Effect.exit(session.post(`${at.url}${path}`, limits).pipe(ClientResponse.text)),
        { concurrency: "unbounded" }
      ),
    (exit, at) => {
      if (!Exit.isSuccess(exit)) return assert.fail("failed")
      assert.deepStrictEqual(exit.value.map(outcome), [
        "BadHttpMessage",
        "ServerDisconnectedError",
        "ClientPayloadError"
      ])
      assert.deepStrictEqual(goodbyes(at), [Code.PROTOCOL_ERROR])
    }
  )
})

/** Frames that serve no request, to a stream with a response and one that is over. */
const junk: ReadonlyArray<readonly [name: string, bytes: (open: number, over: number) => Uint8Array]> = [
  ["PING", () => ping()],
  ["SETTINGS", () => Frames.settings()],
  ["PRIORITY", (open) => priority(open)],
  ["WINDOW_UPDATE", (open) => windowUpdate(open, 1)],
  ["ALTSVC", () => frame(Type.ALTSVC, 0, 0, Buffer.of(0, 0, 1))],
  ["ORIGIN", () => frame(Type.ORIGIN, 0, 0, Buffer.of(0, 0))],
  ["frames of an unknown type", (open) => frame(0x99, 0, open, Buffer.of(1))],
  ["empty DATA", (open) => data(open, "")],
  ["DATA of padding only", (open) => data(open, "", { padding: 255 })],
  ["RST_STREAM of a request that is over", (_, over) => rstStream(over, Code.CANCEL)]
]

describe("a flood over HTTP/2", () => {
  /** Sends up to a million frames, as long as the client listens. */
  const floods = (bytes: Uint8Array, onSent: (frames: number) => void) => (peer: H2Peer) =>
    Effect.gen(function* () {
      const many = Buffer.concat(Array.from({ length: 500 }, () => bytes))
      let sent = 0
      while (sent < 1_000_000 && !peer.socket.destroyed && peer.socket.writable) {
        yield* peer.send(many)
        sent += 500
        onSent(sent)
        yield* turns(1)
      }
    })

  for (const [name, bytes] of junk) {
    let sent = 0
    itH2Fault(
      `of ${name} ends the connection and fails its requests`,
      plays(handshake(), (peer) =>
        Effect.gen(function* () {
          const over = yield* peer.request
          yield* peer.send(response(over.stream, 200, "over"))
          const open = yield* peer.head
          yield* peer.send(Buffer.concat([headers(open.stream, ok), data(open.stream, "x")]))
          yield* floods(bytes(open.stream, over.stream), (frames) => {
            sent = frames
          })(peer)
        })
      ),
      (session, at) =>
        Effect.zipRight(
          session.get(`${at.url}/over`, limits).pipe(ClientResponse.text),
          session.get(`${at.url}/`, limits).pipe(ClientResponse.text)
        ),
      (exit, at) => {
        const error = errorOf(exit)
        if (error._tag !== "ClientPayloadError") return assert.fail(error._tag)
        assert.strictEqual(error.reason, "Framing")
        assert.isBelow(sent, 500_000)
        const [code] = goodbyes(at)
        if (code !== undefined) assert.strictEqual(code, Code.ENHANCE_YOUR_CALM)
      },
      { within: 10_000, settle: 2000 }
    )
  }

  itH2Fault(
    "of PING from a server that does not read the answers ends the connection",
    plays(handshake(), (peer) =>
      Effect.gen(function* () {
        const { stream } = yield* peer.head
        peer.automatic.ping = false
        peer.socket.pause()
        yield* peer.send(headers(stream, ok))
        yield* floods(ping(), () => {})(peer)
        peer.socket.resume()
      })
    ),
    (session, at) => session.get(`${at.url}/`, limits).pipe(ClientResponse.text),
    (exit) => assert.strictEqual(outcome(exit), "ClientPayloadError"),
    { within: 10_000, settle: 2000 }
  )
})

describe("an exchange over HTTP/2 that ends at any byte", () => {
  const settings = Frames.settings({ MAX_CONCURRENT_STREAMS: 10 })
  const head = headers(1, block(":status", "200", "content-length", "5"))
  const whole = Buffer.concat([settings, head, data(1, "hel"), data(1, "lo", ending)])

  const expected = (at: number): ReadonlyArray<string> => {
    if (at === whole.length) return ["Success"]
    return at < settings.length + head.length
      ? ["ServerDisconnectedError", "ClientOSError", "SocketTimeoutError"]
      : ["ClientPayloadError", "SocketTimeoutError"]
  }

  const endings: ReadonlyArray<readonly [name: string, end: H2Play]> = [
    ["FIN", (peer) => peer.fin],
    ["RST", (peer) => peer.reset],
    ["silence", () => Effect.never]
  ]

  for (const [name, end] of endings) {
    it.scopedLive(`by ${name} fails as such, and leaves nothing`, () =>
      Effect.gen(function* () {
        const places = Array.from({ length: whole.length + 1 }, (_, index) => index)
        const run = (place: number) =>
          Effect.gen(function* () {
            const play: H2Play = (peer) =>
              Effect.gen(function* () {
                peer.automatic.settings = false
                yield* peer.head
                if (place > 0) yield* peer.send(whole.subarray(0, place))
                yield* end(peer)
              })
            const at = yield* h2Server([play])
            const { connector, session } = yield* h2Session()
            const exit = yield* Effect.exit(
              session.post(`${at.url}/`, { timeout: { headers: 500, body: 500 } }).pipe(ClientResponse.text)
            )
            // A reset may overtake bytes that were sent before it.
            const allowed =
              name === "RST" ? [...expected(place), "ClientOSError", "ClientPayloadError"] : expected(place)
            assert.include(allowed, outcome(exit), `after ${place} bytes`)
            yield* connector.closeIdle
            const { acquired, streams } = yield* connector.stats
            return { acquired, streams }
          }).pipe(Effect.scoped)
        const left = yield* Effect.forEach(places, run, { concurrency: 12 })
        if (name !== "silence") for (const each of left) assert.deepStrictEqual(each, { acquired: 0, streams: 0 })
      })
    )
  }
})
