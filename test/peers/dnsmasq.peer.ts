import { createServer } from "node:http"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ClientResponse, Resolver, Session } from "effect-http-session"
import { freePort, start } from "./peer.js"

class Dnsmasq extends Effect.Tag("Dnsmasq")<Dnsmasq, { readonly resolver: Resolver.ResolverService }>() {
  static readonly layer = Layer.scoped(
    Dnsmasq,
    Effect.gen(function* () {
      const port = yield* freePort
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
          "--local=/test/"
        ],
        [port]
      )
      return { resolver: Resolver.nameservers([`127.0.0.1:${port}`], { timeout: "1 second", tries: 2 }) }
    })
  )
}

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

  it.effect("a name that the server refuses to look up", () =>
    Effect.map(Effect.flip(resolve("elsewhere.example")), (error) => {
      assert.strictEqual(error._tag, "ClientConnectorDNSError")
      assert.include(["EREFUSED", "ENOTFOUND", "ESERVFAIL"], error.code)
    })
  )

  it.effect("a session goes where the name server says", () =>
    Effect.gen(function* () {
      const { resolver } = yield* Dnsmasq
      const server = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const made = createServer((request, response) => response.end(request.headers.host))
          made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
        }),
        (made) => Effect.sync(() => made.close())
      )
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const host = yield* Session.get(`http://alias.test:${port}/`).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ connector: { resolver } }))
      )
      assert.strictEqual(host, `alias.test:${port}`)
    }).pipe(Effect.scoped)
  )
})
