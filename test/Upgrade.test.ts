import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Scope, Stream, TestClock } from "effect"
import { Auth, ClientResponse, Connector, CookieJar, type Errors, Session, type Upgrade } from "effect-http-session"
import { standard } from "./support/certificates.js"
import { failure } from "./support/exits.js"
import { proxyServer } from "./support/proxyServer.js"
import * as Server from "./support/server.js"
import { sessionWith, site } from "./support/sites.js"
import { stable, turn, turns, until } from "./support/wait.js"

const switching = (protocol = "tcp", more: ReadonlyArray<string> = []): string =>
  ["HTTP/1.1 101 UPGRADED", "Connection: Upgrade", `Upgrade: ${protocol}`, ...more, "", ""].join("\r\n")

/** Reads a request, responds to it, and continues with the upgraded connection. */
const upgrades =
  (
    play: Server.Play = Server.stall,
    answer: string | Uint8Array = switching(),
    onRequest: (request: Server.LoggedRequest) => void = () => {}
  ): Server.Play =>
  (peer) =>
    peer.request.pipe(
      Effect.tap((request) => Effect.sync(() => onRequest(request))),
      Effect.zipRight(peer.send(answer)),
      Effect.zipRight(play(peer))
    )

const echo: Server.Play = (peer) => Effect.forever(Effect.flatMap(peer.inbox.takeBytes(1), (bytes) => peer.send(bytes)))

/** Stops reading. */
const deaf: Server.Play = (peer) =>
  Effect.zipRight(
    Effect.sync(() => peer.socket.pause()),
    Effect.never
  )

const opened = (
  play: Server.Play,
  options: Partial<Upgrade.UpgradeOptions> = {},
  session: Session.SessionOptions = {},
  connector: Connector.TcpOptions = {}
) =>
  Effect.gen(function* () {
    const at = yield* Server.always(play)
    const parts = yield* sessionWith(session, { connector })
    const upgraded = yield* parts.session.upgrade(`http://a.test:${at.port}/exec`, { protocol: "tcp", ...options })
    return {
      ...parts,
      at,
      upgraded,
      counts: Effect.map(parts.connector.stats, ({ acquired, idle }) => [acquired, idle])
    }
  })

const textOf = (chunks: Iterable<Uint8Array>): string => Buffer.concat([...chunks]).toString("latin1")

const all = (upgraded: Upgrade.Upgraded) => Effect.map(Stream.runCollect(upgraded.incoming), textOf)

const upgradeError = (error: Errors.ClientError): Errors.UpgradeError => {
  if (error._tag !== "UpgradeError") throw new Error(`it is ${error._tag}: ${error.message}`)
  return error
}

describe("the handshake of an upgrade", () => {
  it.scopedLive("follows RFC 9110, and none of its headers can be replaced", () =>
    Effect.gen(function* () {
      const seen: Array<Server.LoggedRequest> = []
      const { upgraded } = yield* opened(
        upgrades(Server.stall, switching("tcp", ["Content-Type: application/vnd.docker.raw-stream"]), (request) =>
          seen.push(request)
        ),
        {
          method: "POST",
          json: { Detach: false },
          params: { stream: "1" },
          auth: Auth.basic("u", "p"),
          headers: { "X-Own": "1", Connection: "close", Upgrade: "h2c" }
        }
      )
      const [request] = seen
      assert.deepStrictEqual(
        [request?.method, request?.target, request?.body],
        ["POST", "/exec?stream=1", '{"Detach":false}']
      )
      const named = (name: string) => request?.headers.filter(([other]) => other.toLowerCase() === name)
      assert.deepStrictEqual(named("connection"), [["Connection", "Upgrade"]])
      assert.deepStrictEqual(named("upgrade"), [["Upgrade", "tcp"]])
      assert.deepStrictEqual(named("content-length"), [["Content-Length", "16"]])
      assert.strictEqual(request?.header("x-own"), "1")
      assert.include(request?.header("authorization") ?? "", "Basic ")
      assert.deepStrictEqual([upgraded.protocol, upgraded.response.status], ["tcp", 101])
      assert.strictEqual(upgraded.response.headers["content-type"], "application/vnd.docker.raw-stream")
    })
  )

  it.scopedLive("offers protocols in order of preference, and reports the selected one", () =>
    Effect.gen(function* () {
      const seen: Array<Server.LoggedRequest> = []
      const { upgraded } = yield* opened(
        upgrades(Server.stall, switching("SPDY/3.1"), (request) => seen.push(request)),
        { protocol: ["v5", "spdy/3.1"] }
      )
      assert.strictEqual(seen[0]?.header("upgrade"), "v5, spdy/3.1")
      assert.strictEqual(upgraded.protocol, "SPDY/3.1")
    })
  )

  const refusals: ReadonlyArray<
    readonly [what: string, answer: string, reason: string, status: number, body?: string]
  > = [
    ["another protocol", switching("h2c"), "Protocol", 101],
    ["two protocols", switching("tcp, h2c"), "Protocol", 101],
    ["no protocol", "HTTP/1.1 101 Up\r\nConnection: Upgrade\r\n\r\n", "Protocol", 101],
    ["a success without an upgrade", Server.response(200, "raw"), "Refused", 200, "raw"],
    ["a refusal", Server.response(409, "it runs"), "Refused", 409, "it runs"],
    ["a redirect, which is not followed", Server.response(302, "", ["Location: /elsewhere"]), "Refused", 302, ""],
    ["426", Server.response(426, "", ["Upgrade: tcp", "Connection: Upgrade"]), "Refused", 426, ""]
  ]
  for (const [what, answer, reason, status, body] of refusals) {
    it.scopedLive(`that gets ${what} fails with UpgradeError, reason ${reason}`, () =>
      Effect.gen(function* () {
        const at = yield* Server.always(
          upgrades(
            Server.answers(() => Server.response(200, "next")),
            answer
          )
        )
        const { connector, session } = yield* sessionWith()
        const url = `http://a.test:${at.port}/`
        const error = upgradeError(yield* Effect.flip(Effect.scoped(session.upgrade(url, { protocol: "tcp" }))))
        assert.deepStrictEqual([error.reason, error.status, error.body], [reason, status, body])
        assert.isDefined(error.headers)
        yield* until(() => Effect.runSync(connector.stats).acquired === 0)
        if (status !== 101) assert.strictEqual(yield* session.get(url).pipe(ClientResponse.text), "next")
      })
    )
  }

  const wrong: ReadonlyArray<readonly [option: string, options: Record<string, unknown>]> = [
    ["protocol", { protocol: [] }],
    ["protocol", { protocol: "" }],
    ["protocol", { protocol: "a b" }],
    ["protocol", { protocol: "tcp\r\nX: 1" }],
    ["protocol", { protocol: "a/1/2" }],
    ["protocol", { protocol: undefined }],
    ["protocol", { protocol: ["tcp", 42] }],
    ["protocol", { protocol: "WebSocket" }],
    ["data", { data: Stream.make(Uint8Array.of(1)) }],
    ["receiveTimeout", { receiveTimeout: -1 }],
    ["closeTimeout", { closeTimeout: "Infinity" }]
  ]
  for (const [option, options] of wrong) {
    it.scopedLive(`is an InvalidRequest with ${option}: ${String(Object.values(options)[0])}, and sends nothing`, () =>
      Effect.gen(function* () {
        const at = yield* Server.always(upgrades())
        const { session } = yield* sessionWith()
        const given = { protocol: "tcp", ...options } as Upgrade.UpgradeOptions
        const error = yield* Effect.flip(Effect.scoped(session.upgrade(`http://a.test:${at.port}/`, given)))
        assert.deepStrictEqual(error._tag === "InvalidRequest" ? error.option : error._tag, option)
        assert.strictEqual(yield* at.accepted, 0)
      })
    )
  }

  it.scopedLive("is limited by the timeouts of the request", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.stall)
      const { session } = yield* sessionWith()
      const error = yield* Effect.flip(
        Effect.scoped(
          session.upgrade(`http://a.test:${at.port}/`, { protocol: "tcp", timeout: { headers: "50 millis" } })
        )
      )
      assert.strictEqual(error._tag, "SocketTimeoutError")
    })
  )

  it.scopedLive("leaves nothing open if it is interrupted", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const at = yield* Server.always((peer) =>
        peer.request.pipe(Effect.zipRight(Deferred.succeed(asked, undefined)), Effect.zipRight(Server.stall(peer)))
      )
      const { connector, session } = yield* sessionWith()
      const fiber = yield* Effect.fork(Effect.scoped(session.upgrade(`http://a.test:${at.port}/`, { protocol: "tcp" })))
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(fiber)
      yield* until(() => Effect.runSync(connector.stats).acquired === 0)
    })
  )

  for (const kind of ["http", "https", "socks"] as const) {
    it.scopedLive(`goes through a tunnel of an ${kind} proxy, which gets no Upgrade header`, () =>
      Effect.gen(function* () {
        const { good } = yield* standard()
        const at = yield* Server.always(upgrades(echo))
        const proxy = yield* proxyServer({ kind, ...(kind === "https" ? { tls: good } : {}) })
        const { session } = yield* sessionWith({ proxy: proxy.url, ssl: false })
        const proxied = yield* session.upgrade(`http://a.test:${at.port}/`, { protocol: "tcp" }).pipe(Effect.either)
        // The request's TLS settings do not apply to the proxy itself.
        if (kind === "https") return assert.strictEqual(proxied._tag, "Left")
        if (proxied._tag === "Left") return assert.fail(proxied.left.message)
        yield* proxied.right.send("hi")
        const got = yield* proxied.right.incoming.pipe(
          Stream.mapConcat((bytes) => bytes),
          Stream.take(2),
          Stream.runCollect
        )
        assert.strictEqual(Buffer.from(Chunk.toReadonlyArray(got)).toString(), "hi")
        assert.include(["CONNECT", "SOCKS5"], proxy.seen[0]?.method)
        assert.notInclude(JSON.stringify(proxy.seen[0]?.headers), "pgrade")
      })
    )
  }
})

describe("an upgraded connection", () => {
  it.scopedLive("does not begin before the whole request is sent", () =>
    Effect.gen(function* () {
      const at = yield* Server.always((peer) =>
        peer.head.pipe(Effect.zipRight(peer.send(switching())), Effect.zipRight(deaf(peer)))
      )
      const { connector, session } = yield* sessionWith()
      const data = new Uint8Array(64 * 1024 * 1024)
      const error = yield* Effect.flip(
        Effect.scoped(session.upgrade(`http://a.test:${at.port}/`, { protocol: "tcp", method: "POST", data }))
      )
      assert.strictEqual(error._tag === "BadHttpMessage" ? error.reason : error._tag, "Unsolicited")
      yield* until(() => Effect.runSync(connector.stats).acquired === 0)
    })
  )

  it.scopedLive("carries bytes in both directions, beginning with those that arrived with the 101", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
      const answer = Buffer.concat([Buffer.from(switching()), bytes])
      const { upgraded } = yield* opened(
        upgrades((peer) => Effect.zipRight(Effect.flatMap(peer.inbox.takeBytes(256), peer.send), peer.fin), answer)
      )
      yield* upgraded.send(Uint8Array.from(bytes))
      assert.strictEqual(yield* all(upgraded), bytes.toString("latin1").repeat(2))
    })
  )

  it.scopedLive("is the same wherever packets split the response", () =>
    Effect.gen(function* () {
      const answer = `${switching()}one`
      for (let at = 1; at < answer.length; at++) {
        const { upgraded } = yield* opened((peer) =>
          peer.request.pipe(Effect.zipRight(Server.split(answer, at)(peer)), Effect.zipRight(peer.fin))
        )
        assert.strictEqual(yield* all(upgraded), "one")
      }
    })
  )

  it.scopedLive("sends text as UTF-8, and all chunks of a sink", () =>
    Effect.gen(function* () {
      const received: Array<string> = []
      const { upgraded } = yield* opened(
        upgrades((peer) =>
          Effect.zipRight(
            Effect.flatMap(peer.inbox.takeBytes(7), (bytes) =>
              Effect.sync(() => received.push(Buffer.from(bytes).toString()))
            ),
            peer.fin
          )
        )
      )
      yield* Stream.run(Stream.make<Array<string | Uint8Array>>("é€", Buffer.from("ab")), upgraded.outgoing)
      yield* all(upgraded)
      assert.deepStrictEqual(received, ["é€ab"])
    })
  )

  it.scopedLive("ends its own side, and reads to the end of the peer's side", () =>
    Effect.gen(function* () {
      const { counts, upgraded } = yield* opened(
        upgrades((peer) =>
          peer.inbox.takeEnd.pipe(Effect.zipRight(peer.send("after the end")), Effect.zipRight(peer.fin))
        )
      )
      yield* upgraded.send("input")
      yield* upgraded.end
      yield* upgraded.end
      const error = upgradeError(yield* Effect.flip(upgraded.send("more")))
      assert.strictEqual(error.reason, "Closed")
      assert.strictEqual(yield* all(upgraded), "after the end")
      yield* until(() => Effect.runSync(counts)[0] === 0)
    })
  )

  it.scopedLive("delivers the bytes that arrived before a reset, and then fails to receive and send", () =>
    Effect.gen(function* () {
      const { upgraded } = yield* opened(upgrades((peer) => Effect.zipRight(turns(5), peer.reset), `${switching()}one`))
      const seen: Array<Uint8Array> = []
      const error = upgradeError(
        yield* Effect.flip(Stream.runForEach(upgraded.incoming, (bytes) => Effect.sync(() => seen.push(bytes))))
      )
      assert.deepStrictEqual([textOf(seen), error.reason], ["one", "Broken"])
      assert.strictEqual(upgradeError(yield* Effect.flip(upgraded.send("x"))).reason, "Broken")
    })
  )

  it.scopedLive("counts against the pool until it closes, and is not reused", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const at = yield* Server.server([upgrades(Server.stall)])
      const { connector, session } = yield* sessionWith({}, { connector: { limit: 1 } })
      const url = `http://a.test:${at.port}`
      yield* Scope.extend(session.upgrade(`${url}/`, { protocol: "tcp" }), scope)
      assert.strictEqual((yield* connector.stats).acquired, 1)
      const next = yield* Effect.fork(session.get(`${url}/nonce?next`).pipe(ClientResponse.text))
      yield* stable(() => Effect.runSync(connector.stats).waiting)
      assert.strictEqual((yield* connector.stats).waiting, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(next), "next")
      assert.strictEqual(yield* at.accepted, 2)
    })
  )

  it.scopedLive("stops reading the socket while no receiver waits, and continues with the next one", () =>
    Effect.gen(function* () {
      const total = 8 * 1024 * 1024
      let sent = false
      const { upgraded } = yield* opened(
        upgrades((peer) =>
          peer.send(Buffer.alloc(total, "x")).pipe(
            Effect.zipRight(
              Effect.sync(() => {
                sent = true
              })
            ),
            Effect.zipRight(peer.fin)
          )
        )
      )
      yield* turns(50)
      assert.isFalse(sent)
      const size = yield* Stream.runFold(upgraded.incoming, 0, (sum, bytes) => sum + bytes.length)
      assert.strictEqual(size, total)
    })
  )

  it.scopedLive("delivers bytes that later ones do not overwrite", () =>
    Effect.gen(function* () {
      const { upgraded } = yield* opened(
        upgrades((peer) =>
          Effect.forEach(["a", "b", "c"], (letter) => Effect.zipRight(peer.send(letter.repeat(1000)), turn)).pipe(
            Effect.zipRight(peer.fin)
          )
        )
      )
      assert.strictEqual(yield* all(upgraded), "a".repeat(1000) + "b".repeat(1000) + "c".repeat(1000))
    })
  )

  it.scopedLive("closes with its Scope even if the peer does not read", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(upgrades(deaf))
      const { connector, session } = yield* sessionWith()
      yield* Effect.scoped(session.upgrade(`http://a.test:${at.port}/`, { protocol: "tcp" }))
      assert.strictEqual((yield* connector.stats).acquired, 0)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const upgraded = yield* session.upgrade(`http://a.test:${at.port}/`, {
            protocol: "tcp",
            closeTimeout: "50 millis"
          })
          let sent = 0
          const send = Effect.tap(upgraded.send(new Uint8Array(1024 * 1024)), () => Effect.sync(() => sent++))
          const fiber = yield* Effect.fork(Effect.forever(send))
          yield* stable(() => sent)
          yield* Fiber.interrupt(fiber)
        })
      )
      assert.strictEqual((yield* connector.stats).acquired, 0)
    })
  )

  it.scopedLive("fails a waiting stream and a waiting send when this side closes the connection", () =>
    Effect.gen(function* () {
      const { upgraded } = yield* opened(upgrades(deaf), { closeTimeout: "50 millis" })
      const reading = yield* Effect.fork(Effect.asVoid(all(upgraded)))
      let sent = 0
      const send = Effect.tap(upgraded.send(new Uint8Array(1024 * 1024)), () => Effect.sync(() => sent++))
      const sending = yield* Effect.fork(Effect.forever(send))
      yield* stable(() => sent)
      assert.isNull(sending.unsafePoll())
      yield* upgraded.close
      yield* upgraded.close
      for (const fiber of [reading, sending]) {
        const error = failure<void, Errors.UpgradeError>(yield* Fiber.await<void, Errors.UpgradeError>(fiber))
        assert.strictEqual(error.reason, "Closed")
      }
    })
  )

  it.scopedLive("loses no bytes if a waiting reader is interrupted", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const { upgraded } = yield* opened(
        upgrades((peer) => Deferred.await(go).pipe(Effect.zipRight(peer.send("late")), Effect.zipRight(peer.fin)))
      )
      const reading = yield* Effect.fork(all(upgraded))
      yield* turns(5)
      yield* Fiber.interrupt(reading)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(yield* all(upgraded), "late")
    })
  )

  it.scopedLive("works over TLS", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const at = yield* Server.always(upgrades(echo), { tls: good })
      const { session } = yield* sessionWith()
      const upgraded = yield* session.upgrade(`https://localhost:${at.port}/`, { protocol: "tcp", ssl: false })
      yield* upgraded.send("over TLS")
      const got = yield* upgraded.incoming.pipe(
        Stream.mapConcat((bytes) => bytes),
        Stream.take(8),
        Stream.runCollect
      )
      assert.strictEqual(Buffer.from(Chunk.toReadonlyArray(got)).toString(), "over TLS")
    })
  )

  it.scoped("fails the stream after receiveTimeout, and stays open", () =>
    Effect.gen(function* () {
      const { upgraded } = yield* opened(upgrades(echo), { receiveTimeout: "3 seconds" })
      const reading = yield* Effect.fork(Effect.flip(all(upgraded)))
      yield* turns(5)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(reading)).reason, "Timeout")
      yield* upgraded.send("x")
      const [first] = Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(upgraded.incoming, 1)))
      assert.strictEqual(Buffer.from(first ?? []).toString(), "x")
    })
  )

  it.scopedLive("ends its side when the session closes, and is closed if the peer does not finish", () =>
    Effect.gen(function* () {
      for (const finishes of [true, false]) {
        const at = yield* Server.always(
          upgrades((peer) =>
            finishes
              ? peer.inbox.takeEnd.pipe(Effect.zipRight(peer.send("bye")), Effect.zipRight(peer.fin))
              : Effect.never
          )
        )
        const connector = yield* Connector.tcp({ gracefulShutdownTimeout: "100 millis" })
        const session = yield* Session.make({}).pipe(
          Effect.provideService(Connector.Connector, connector),
          Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
        )
        const upgraded = yield* session.upgrade(`http://127.0.0.1:${at.port}/`, { protocol: "tcp" })
        const reading = yield* Effect.fork(Effect.either(all(upgraded)))
        yield* turns(5)
        yield* connector.close
        const read = yield* Fiber.join(reading)
        assert.strictEqual(read._tag === "Right" ? read.right : read.left.reason, finishes ? "bye" : "Closed")
        assert.strictEqual((yield* connector.stats).acquired, 0)
      }
    })
  )
})

describe("a 101 to a request other than Session.upgrade", () => {
  it.scopedLive("is an UpgradeError if the headers of the request ask for it, and closes the connection", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(upgrades(Server.stall))
      const { connector, session } = yield* sessionWith()
      const headers = { Connection: "Upgrade", Upgrade: "tcp" }
      const request = session.get(`http://a.test:${at.port}/`, { headers })
      for (const attempt of [
        ClientResponse.text(request),
        ClientResponse.discard(request),
        ClientResponse.use(request, (response) => Effect.succeed(response.status)),
        Effect.scoped(Effect.asVoid(request))
      ] as ReadonlyArray<Effect.Effect<unknown, Errors.ClientError>>) {
        const error = upgradeError(yield* Effect.flip(attempt))
        assert.deepStrictEqual([error.reason, error.status], ["Unexpected", 101])
        assert.include(error.message, "Session.upgrade")
        yield* until(() => Effect.runSync(connector.stats).acquired === 0)
      }
    })
  )

  it.scopedLive("is a BadHttpMessage if the request did not ask for it", () =>
    Effect.gen(function* () {
      const at = yield* site(() => switching())
      const { session } = yield* sessionWith()
      const error = yield* Effect.flip(session.get(at.to("a.test")).pipe(ClientResponse.text))
      assert.strictEqual(error._tag === "BadHttpMessage" ? error.reason : error._tag, "Unsolicited")
    })
  )
})
