import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { Session, Ssl } from "effect-http-session"
import { standard } from "../support/certificates.js"
import { directory, freePort, python, start, write } from "./peer.js"

const script = fileURLToPath(new URL("./echo.py", import.meta.url))

const echoServer = (library: string, secure: boolean) =>
  Effect.gen(function* () {
    const port = yield* freePort
    const args = [script, library, String(port)]
    if (secure) {
      const path = yield* directory
      const { good } = yield* standard()
      yield* write(`${path}/cert.pem`, good.cert)
      yield* write(`${path}/key.pem`, good.key)
      args.push(`${path}/cert.pem`, `${path}/key.pem`)
    }
    yield* start(python, args, [port])
    return `${secure ? "wss" : "ws"}://localhost:${port}/`
  })

const sessionTrusting = Effect.gen(function* () {
  const { ca } = yield* standard()
  return Session.layer({ connector: { ssl: yield* Ssl.context({ ca }) } })
})

/** Text, bytes of every size class, a close: each comes back as it went. */
const conversation = (url: string, compress: boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      const socket = yield* Session.webSocket(url, { protocols: ["chat"], compress })
      assert.deepStrictEqual(socket.protocol, Option.some("chat"))
      yield* socket.send("grüße 👋")
      assert.deepStrictEqual(yield* socket.receive, { _tag: "Text", data: "grüße 👋" })
      for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
        const bytes = new Uint8Array(size).map((_, index) => index % 251)
        yield* socket.send(bytes)
        const message = yield* socket.receive
        assert.strictEqual(message._tag, "Binary")
        if (message._tag === "Binary") assert.isTrue(Buffer.from(message.data).equals(bytes))
      }
      yield* Effect.forEach(
        Array.from({ length: 200 }, (_, index) => `message ${index}`),
        socket.send,
        { discard: true }
      )
      const back = yield* Stream.runCollect(Stream.take(socket.messages, 200))
      assert.deepStrictEqual(
        Array.from(back, (message) => (message._tag === "Text" ? message.data : "")),
        Array.from({ length: 200 }, (_, index) => `message ${index}`)
      )
      assert.isTrue(yield* socket.close(1000, "done"))
      assert.deepStrictEqual(yield* socket.closeCode, Option.some(1000))
    })
  )

describe("WebSockets with Python's servers", () => {
  for (const library of ["websockets", "aiohttp", "autobahn"]) {
    for (const secure of [false, true]) {
      for (const compress of [false, true]) {
        it.scopedLive(`${library}${secure ? ", TLS" : ""}${compress ? ", compressed" : ""}`, () =>
          Effect.gen(function* () {
            const url = yield* echoServer(library, secure)
            yield* conversation(url, compress).pipe(Effect.provide(yield* sessionTrusting))
          })
        )
      }
    }
  }

  it.scopedLive("wss through squid", () =>
    Effect.gen(function* () {
      const url = yield* echoServer("websockets", true)
      const path = yield* directory
      const port = yield* freePort
      yield* write(
        `${path}/squid.conf`,
        `http_port 127.0.0.1:${port}\npid_filename none\naccess_log stdio:${path}/access.log\ncache_log ${path}/cache.log
cache deny all\ncoredump_dir ${path}\nshutdown_lifetime 0 seconds\nhttp_access allow all\n`
      )
      yield* start("/usr/sbin/squid", ["-N", "-n", "wss", "-f", `${path}/squid.conf`], [port])
      const layer = yield* sessionTrusting
      yield* Effect.scoped(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(url, { proxy: `http://127.0.0.1:${port}` })
          yield* socket.send("through")
          assert.deepStrictEqual(yield* socket.receive, { _tag: "Text", data: "through" })
        })
      ).pipe(Effect.provide(layer))
    })
  )
})
