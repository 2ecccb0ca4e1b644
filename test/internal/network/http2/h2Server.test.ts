/** The scripted server of the tests, asked by a client of frames. */
import * as net from "node:net"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HpackDecoder } from "../../../../src/internal/network/http2/hpack/decoder.js"
import { HpackEncoder } from "../../../../src/internal/network/http2/hpack/encoder.js"
import * as Certificates from "../../../support/certificates.js"
import * as Frames from "../../../support/h2Frames.js"
import * as H2 from "../../../support/h2Server.js"
import { plays } from "../../../support/server.js"
import { until } from "../../../support/wait.js"

const unlimited = { maxHeadSize: 2 ** 30, maxHeaders: 2 ** 30, maxLineSize: 2 ** 30 }

/** A client that sends frames and lists those of the server: "type flags stream payload". */
const client = (make: () => net.Socket) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = make()
      let bytes = Buffer.alloc(0)
      socket.on("error", () => {})
      socket.on("data", (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk])
      })
      const encoder = new HpackEncoder()
      const decoder = new HpackDecoder()
      const list = (): ReadonlyArray<string> => {
        const out: Array<string> = []
        for (let at = 0; at + 9 <= bytes.length; ) {
          const size = bytes.readUIntBE(at, 3)
          const [type = 0, flags = 0] = bytes.subarray(at + 3, at + 5)
          const payload = bytes.subarray(at + 9, at + 9 + size)
          const shown =
            type === Frames.Type.HEADERS
              ? decoder.decode(payload, 0, payload.length, unlimited).values.join(" ")
              : payload.toString(type === Frames.Type.DATA ? "latin1" : "hex")
          out.push(`${type} ${flags} ${bytes.readUInt32BE(at + 5)} ${shown}`)
          at += 9 + size
        }
        return out
      }
      const head = (stream: number, method: string, path: string, end: boolean) =>
        Frames.headers(
          stream,
          encoder.encode(
            [":method", method, ":scheme", "http", ":authority", "h", ":path", path, "x-a", "1"],
            () => false
          ),
          { end }
        )
      socket.write(Frames.clientPreface)
      socket.write(Frames.settings({ ENABLE_PUSH: 0 }))
      return {
        socket,
        list,
        head,
        write: (...frames: ReadonlyArray<Uint8Array>) => socket.write(Buffer.concat(frames))
      }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

describe("the scripted server of HTTP/2", () => {
  it.scopedLive(
    "a server without plays acknowledges SETTINGS and PING after its own SETTINGS, and answers nonces",
    () =>
      Effect.gen(function* () {
        const at = yield* H2.h2Server([])
        const { head, list, write } = yield* client(() => net.connect(at.port, "127.0.0.1"))
        write(Frames.ping("abcdefgh"), head(1, "GET", "/nonce?n7", true), head(3, "GET", "/other", true))
        yield* until(() => list().length === 7)
        assert.deepStrictEqual(list(), [
          "4 0 0 ",
          "4 1 0 ",
          `6 1 0 ${Buffer.from("abcdefgh").toString("hex")}`,
          "1 4 1 200",
          "0 1 1 n7",
          "1 4 3 404",
          "0 1 3 no such thing"
        ])
      })
  )

  it.scopedLive("a play takes frames and requests in any order, and the log has bodies, trailers and resets", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const play: H2.H2Play = (peer) =>
        Effect.gen(function* () {
          yield* H2.handshake({ MAX_CONCURRENT_STREAMS: 5 })(peer)
          const rst = yield* peer.frame("RST_STREAM")
          const first = yield* peer.request
          const second = yield* peer.head
          seen.push(`${rst.stream} ${Frames.numberOf(rst)}`, `${first.stream} ${first.body}`, `${second.stream}`)
          yield* peer.send(H2.response(first.stream, 204))
        })
      const at = yield* H2.h2Server([play])
      const { head, list, write } = yield* client(() => net.connect(at.port, "127.0.0.1"))
      const trailers = Frames.headers(1, Buffer.from("000178026f6b", "hex"), { end: true })
      write(head(1, "POST", "/a", false), Frames.data(1, "one"), Frames.data(1, "two", { padding: 3 }), trailers)
      write(head(3, "PUT", "/b", false), Frames.rstStream(3, 8))
      yield* until(() => list().some((line) => line.startsWith("1 ")))
      assert.deepStrictEqual(seen, ["3 8", "1 onetwo", "3"])
      assert.include(list(), "4 0 0 000300000005")
      // Both windows are refilled, padding included.
      assert.includeMembers([...list()], ["8 0 0 00000003", "8 0 1 00000003", "8 0 0 00000007", "8 0 1 00000007"])
      const [one, two] = yield* at.requests
      assert.deepInclude(one, { method: "POST", target: "/a", body: "onetwo", ended: true, trailers: [["x", "ok"]] })
      assert.deepInclude(two, { method: "PUT", target: "/b", body: "", ended: false, resetCode: 8, authority: "h" })
      assert.strictEqual(one?.header("X-A"), "1")
    })
  )

  it.scopedLive("a head in HEADERS and CONTINUATION is one request", () =>
    Effect.gen(function* () {
      const at = yield* H2.h2Server([])
      const { list, socket, write } = yield* client(() => net.connect(at.port, "127.0.0.1"))
      const block = new HpackEncoder().encode([":method", "GET", ":path", "/nonce?n", "x", "y".repeat(50)], () => false)
      write(
        Frames.headers(1, block.subarray(0, 5), { end: true, endHeaders: false }),
        Frames.continuation(1, block.subarray(5, 20), false),
        Frames.continuation(1, block.subarray(20))
      )
      yield* until(() => list().some((line) => line === "0 1 1 n"))
      socket.end()
      yield* until(() => Effect.map(at.connections, (open) => open === 0))
    })
  )

  it.scopedLive("the automatic answers can be turned off", () =>
    Effect.gen(function* () {
      const at = yield* H2.h2Server([
        (peer) => {
          Object.assign(peer.automatic, { ping: false, settings: false, windows: false })
          return plays<H2.H2Peer>(H2.handshake(), H2.awaits("PING"), H2.awaits("DATA"))(peer)
        }
      ])
      const { head, list, write } = yield* client(() => net.connect(at.port, "127.0.0.1"))
      write(Frames.ping(), head(1, "POST", "/nonce?n", false), Frames.data(1, "x", { end: true }))
      yield* until(() => list().length === 3)
      assert.deepStrictEqual(list(), ["4 0 0 ", "1 4 1 200", "0 1 1 n"])
    })
  )

  it.scopedLive("over TLS the server selects h2, or the protocol that the test sets", () =>
    Effect.gen(function* () {
      const { good } = yield* Certificates.standard()
      for (const [alpn, chosen] of [
        [undefined, "h2"],
        [["http/1.1"], "http/1.1"],
        [[], false]
      ] as const) {
        const at = yield* H2.h2Server([], { tls: { ...good, ...(alpn === undefined ? {} : { alpn }) } })
        const socket = tls.connect({
          port: at.port,
          host: "127.0.0.1",
          rejectUnauthorized: false,
          ALPNProtocols: ["h2", "http/1.1"]
        })
        const { head, list, write } = yield* client(() => socket)
        write(head(1, "GET", "/nonce?n", true))
        yield* until(() => list().includes("0 1 1 n"))
        assert.strictEqual(socket.alpnProtocol, chosen)
      }
    })
  )

  it.scopedLive("a play that waits for a frame ends with the connection", () =>
    Effect.gen(function* () {
      const at = yield* H2.h2Server([H2.awaits("GOAWAY")])
      const { socket } = yield* client(() => net.connect(at.port, "127.0.0.1"))
      yield* until(() => at.peers.length === 1)
      socket.end()
      yield* until(() => Effect.map(at.connections, (open) => open === 0))
    })
  )
})
