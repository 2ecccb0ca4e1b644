import { createSocket } from "node:dgram"
import { createServer } from "node:http"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ClientResponse, Resolver, Session } from "effect-http-session"
import { freePort, start } from "./peer.js"

/** The upstream server of dnsmasq: every name is a failure of the server (2) or refused (5), or gets no answer. */
const upstream = (rcode: 2 | 5 | undefined) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<ReturnType<typeof createSocket>>((resume) => {
        const socket = createSocket("udp4")
        socket.on("message", (query, { address, port }) => {
          if (rcode === undefined) return
          const reply = Buffer.from(query)
          reply[2] |= 0x80
          reply[3] = 0x80 | rcode
          socket.send(reply, port, address)
        })
        socket.bind(0, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.async<void>((done) => void socket.close(() => done(Effect.void)))
    ),
    (socket) => socket.address().port
  )

class Dnsmasq extends Effect.Tag("Dnsmasq")<Dnsmasq, { readonly resolver: Resolver.ResolverService }>() {
  static readonly layer = Layer.scoped(
    Dnsmasq,
    Effect.gen(function* () {
      const port = yield* freePort
      const failing = yield* upstream(2)
      const refusing = yield* upstream(5)
      const silent = yield* upstream(undefined)
      yield* start(
        "/usr/sbin/dnsmasq",
        [
          "--keep-in-foreground",
          "--no-hosts",
          "--no-resolv",
          "--conf-file=/dev/null",
          "--pid-file",
          "--user=root",
          "--bind-interfaces",
          "--listen-address=127.0.0.1",
          `--port=${port}`,
          "--host-record=one.test,127.0.0.1,1",
          "--host-record=six.test,::1",
          "--address=/many.test/127.0.0.1",
          "--host-record=several.test,127.0.0.2",
          "--host-record=several.test,127.0.0.3",
          "--cname=alias.test,one.test",
          "--local=/test/",
          `--server=/failing.example/127.0.0.1#${failing}`,
          `--server=/refused.example/127.0.0.1#${refusing}`,
          `--server=/silent.example/127.0.0.1#${silent}`
        ],
        [port]
      )
      return { resolver: Resolver.nameservers([`127.0.0.1:${port}`], { timeout: "1 second", tries: 2 }) }
    })
  )
}

/** Answers with the host that was asked for. */
const echo = Effect.acquireRelease(
  Effect.async<ReturnType<typeof createServer>>((resume) => {
    const made = createServer((request, response) => response.end(request.headers.host))
    made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
  }),
  (made) => Effect.sync(() => made.close())
).pipe(
  Effect.map((made) => {
    const address = made.address()
    return typeof address === "object" && address !== null ? address.port : 0
  })
)

layer(Dnsmasq.layer, { timeout: "60 seconds", excludeTestServices: true })("dnsmasq", (it) => {
  const resolve = (host: string) => Effect.flatMap(Dnsmasq, ({ resolver }) => resolver.resolve(host, {}))

  it.effect("A, with the record's own time to live", () =>
    Effect.gen(function* () {
      const [first] = yield* resolve("one.test")
      assert.strictEqual(first.address, "127.0.0.1")
      assert.isDefined(first.ttl)
    })
  )

  it.effect("AAAA", () =>
    Effect.map(resolve("six.test"), (addresses) =>
      assert.deepStrictEqual(
        addresses.map(({ address, family }) => [address, family]),
        [["::1", 6]]
      )
    )
  )

  it.effect("CNAME and several addresses", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* resolve("alias.test"))[0].address, "127.0.0.1")
      const several = (yield* resolve("several.test")).map(({ address }) => address)
      assert.includeMembers(["127.0.0.2", "127.0.0.3"], several)
    })
  )

  it.effect("a name that is not there", () =>
    Effect.map(Effect.flip(resolve("nobody.test")), (error) => {
      assert.strictEqual(error._tag, "ClientConnectorDNSError")
      assert.strictEqual(error.code, "ENOTFOUND")
    })
  )

  for (const [name, code] of [
    ["failing.example", "ESERVFAIL"],
    ["refused.example", "EREFUSED"],
    ["silent.example", "ETIMEOUT"],
    // There is no server to ask.
    ["elsewhere.example", "EREFUSED"]
  ] as const) {
    it.effect(`${name}: ${code}`, () =>
      Effect.map(Effect.flip(resolve(name)), (error) => {
        assert.strictEqual(error._tag, "ClientConnectorDNSError")
        assert.strictEqual(error.code, code)
      })
    )
  }

  it.effect("a time to live of a second is kept, and no longer", () =>
    Effect.gen(function* () {
      const { resolver } = yield* Dnsmasq
      let asked = 0
      const counting: Resolver.ResolverService = {
        resolve: (host, options) =>
          Effect.suspend(() => {
            asked++
            return resolver.resolve(host, options)
          })
      }
      const server = yield* echo
      const get = Effect.flatMap(Session.Session, (session) =>
        ClientResponse.text(session.get(`http://one.test:${server}/`))
      )
      yield* Effect.gen(function* () {
        yield* get
        yield* get
        assert.strictEqual(asked, 1)
        // The test waits for the record's own time.
        yield* Effect.sleep("1100 millis")
        yield* get
        assert.strictEqual(asked, 2)
      }).pipe(
        Effect.provide(Session.layer({ connector: { resolver: counting, ttlDnsCache: Infinity, forceClose: true } }))
      )
    }).pipe(Effect.scoped)
  )

  it.effect("a session goes where the name server says", () =>
    Effect.gen(function* () {
      const { resolver } = yield* Dnsmasq
      const port = yield* echo
      const host = yield* Session.get(`http://alias.test:${port}/`).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ connector: { resolver } }))
      )
      assert.strictEqual(host, `alias.test:${port}`)
    }).pipe(Effect.scoped)
  )
})
