/**
 * A TLS peer that ends its side with close_notify and leaves the TCP connection open.
 */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { standard } from "../support/certificates.js"
import { invariants } from "../support/invariants.js"
import { outcome } from "../support/itFault.js"
import { always, answerNonces, fin, head, type Play, plays, respond, send } from "../support/server.js"
import { sessionOn } from "../support/stages.js"
import { untilValue } from "../support/wait.js"

interface Passage {
  readonly port: number
  readonly accepted: () => number
  readonly open: () => number
  /** The number of connections whose server has ended its side. */
  readonly withheld: () => number
}

/** Forwards all bytes in both directions, but not the end of the server's side. */
const withoutFins = (port: number): Effect.Effect<Passage, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Passage & { readonly close: Effect.Effect<void> }>((resume) => {
      const sockets = new Set<Net.Socket>()
      let accepted = 0
      let withheld = 0
      let open = 0
      const passage = Net.createServer({ allowHalfOpen: true }, (client) => {
        accepted++
        open++
        const server = Net.connect({ port, host: "127.0.0.1", allowHalfOpen: true })
        for (const socket of [client, server]) {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.once("close", () => sockets.delete(socket))
        }
        client.on("data", (chunk) => void server.write(chunk))
        server.on("data", (chunk) => void client.write(chunk))
        server.once("end", () => withheld++)
        // The end of the client's side ends the whole connection.
        client.once("end", () => {
          client.end()
          server.destroy()
        })
        client.once("close", () => {
          open--
          server.destroy()
        })
      })
      const close = Effect.async<void>((done) => {
        passage.close(() => done(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
      passage.listen(0, "127.0.0.1", () => {
        const address = passage.address()
        resume(
          Effect.succeed({
            port: typeof address === "object" && address !== null ? address.port : 0,
            accepted: () => accepted,
            open: () => open,
            withheld: () => withheld,
            close
          })
        )
      })
    }),
    ({ close }) => close
  )

const through = (play: Play) =>
  Effect.gen(function* () {
    const { good } = yield* standard()
    const server = yield* always(play, { tls: good })
    const passage = yield* withoutFins(server.port)
    const { connector, session } = yield* sessionOn()
    const get = (path: string) =>
      session
        .get(`https://127.0.0.1:${passage.port}${path}`, { ssl: false, timeout: "15 seconds" })
        .pipe(ClientResponse.text)
    const servers = [{ connections: Effect.sync(passage.open) }]
    return { connector, get, passage, servers }
  })

describe("close_notify without FIN", () => {
  it.scopedLive("removes an idle connection from the pool, and the next request opens its own", () =>
    Effect.gen(function* () {
      const { connector, get, passage, servers } = yield* through(plays(head, respond(200, "one"), fin))
      const test = Effect.gen(function* () {
        assert.strictEqual(yield* get("/"), "one")
        yield* untilValue(Effect.sync(passage.withheld), (count) => count === 1)
        const { idle } = yield* untilValue(connector.stats, (stats) => stats.idle === 0)
        assert.strictEqual(idle, 0)
        assert.strictEqual(yield* get("/"), "one")
        assert.strictEqual(passage.accepted(), 2)
        yield* untilValue(connector.stats, (stats) => stats.idle === 0)
      })
      assert.deepStrictEqual(yield* invariants(test, { connector, servers }), Exit.void)
    })
  )

  it.scopedLive("resends a request that meets it on a new connection", () =>
    Effect.gen(function* () {
      const { connector, get, passage, servers } = yield* through((peer) =>
        peer.index === 0
          ? plays(head, respond(200, "first"), head, fin)(peer)
          : Effect.zipRight(peer.send(""), answerNonces(peer))
      )
      const test = Effect.gen(function* () {
        assert.strictEqual(yield* get("/"), "first")
        assert.strictEqual(yield* get("/nonce?second"), "second")
        assert.strictEqual(passage.accepted(), 2)
      })
      assert.deepStrictEqual(yield* invariants(test, { connector, servers }), Exit.void)
    })
  )

  const bodies: ReadonlyArray<readonly [name: string, reply: string, expected: string]> = [
    ["a body without a length is whole", "HTTP/1.1 200 OK\r\n\r\nhello", "Success"],
    ["fewer bytes than announced", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "ClientPayloadError"],
    [
      "chunks without the last",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
      "ClientPayloadError"
    ],
    ["no reply at all", "", "ServerDisconnectedError"]
  ]
  for (const [name, reply, expected] of bodies) {
    it.scopedLive(`${name} gives ${expected}`, () =>
      Effect.gen(function* () {
        const { connector, get, servers } = yield* through(
          reply === "" ? plays(head, fin) : plays(head, send(reply), fin)
        )
        // Only close_notify can have ended the body: the time limit is far off.
        const exit = yield* invariants(get("/"), { connector, servers, within: 2000 })
        assert.strictEqual(outcome(exit), expected)
        if (Exit.isSuccess(exit)) assert.strictEqual(exit.value, "hello")
      })
    )
  }
})
