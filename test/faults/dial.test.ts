/**
 * From a name to a socket, on a session: lookups, addresses that do not answer or cannot be reached, and peers that
 * hang up at once.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { ClientConnectorDNSError, type ClientError } from "effect-http-session/Errors"
import * as Resolver from "effect-http-session/Resolver"
import type * as Session from "effect-http-session/Session"
import { failure } from "../support/exits.js"
import { invariants } from "../support/invariants.js"
import { besideBlackHole, listen } from "../support/listeners.js"
import * as Server from "../support/server.js"
import { sessionOn } from "../support/stages.js"
import { timed } from "../support/time.js"

const limits = { timeout: "10 seconds" } as const

const text = (session: Session.SessionService, url: string) => session.get(url, limits).pipe(ClientResponse.text)

const tagAndCode = (error: ClientError): string => ("code" in error ? `${error._tag} ${error.code}` : error._tag)

const succeeds = (exit: Exit.Exit<unknown, unknown>) => assert.isTrue(Exit.isSuccess(exit), String(exit))

/** A resolver that returns these answers in order, and then the last one again. */
const answering = (answers: ReadonlyArray<ReadonlyArray<string> | string>) => {
  let asked = 0
  const resolver: Resolver.ResolverService = {
    resolve: (host) =>
      Effect.suspend(() => {
        const answer = answers[Math.min(asked++, answers.length - 1)] ?? []
        if (typeof answer === "string") {
          return Effect.fail(new ClientConnectorDNSError({ host, code: answer, phase: "dns" }))
        }
        // A resolver written in JavaScript may return an empty answer.
        const addresses = answer.map((address) => ({ address, family: 4 }))
        return Effect.succeed(addresses as unknown as readonly [Resolver.Address])
      })
  }
  return { resolver, asked: () => asked }
}

describe("a lookup", () => {
  for (const code of ["ENOTFOUND", "ESERVFAIL", "EREFUSED", "ETIMEOUT", "ENODATA"]) {
    it.scopedLive(`that fails with ${code} is a typed error, and the next request looks up again`, () =>
      Effect.gen(function* () {
        const at = yield* Server.always(Server.answerNonces)
        const { asked, resolver } = answering([code, ["127.0.0.1"]])
        const { connector, session } = yield* sessionOn({ resolver })
        const url = `http://a.test:${at.port}/nonce?x`
        const test = Effect.gen(function* () {
          const error = failure(yield* Effect.exit(text(session, url)))
          if (error._tag !== "ClientConnectorDNSError") return assert.fail(error._tag)
          assert.deepStrictEqual(
            [error.host, error.port, error.code, error.phase, error.method],
            ["a.test", at.port, code, "dns", "GET"]
          )
          assert.strictEqual(yield* text(session, url), "x")
          assert.strictEqual(asked(), 2)
        })
        succeeds(yield* invariants(test, { connector, servers: [at], settle: 1000 }))
      })
    )
  }

  it.scopedLive("that returns no address is a typed error that is not cached", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.answerNonces)
      const { resolver } = answering([[], ["no address"], ["127.0.0.1"]])
      const { session } = yield* sessionOn({ resolver })
      const url = `http://a.test:${at.port}/nonce?x`
      for (const _ of [1, 2]) {
        assert.strictEqual(failure(yield* Effect.exit(text(session, url)))._tag, "ClientConnectorDNSError")
      }
      assert.strictEqual(yield* text(session, url), "x")
    })
  )
})

describe("connecting to several addresses", () => {
  it.scopedLive("skips and names an address that refuses and one that cannot be reached", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.answerNonces)
      // The broadcast address of the loopback: no route leads to it, and no packet leaves the machine.
      const resolver = Resolver.overrides({
        "a.test": ["127.0.0.2", "127.255.255.255", "127.0.0.1"],
        "b.test": ["127.0.0.2", "127.255.255.255"]
      })
      const { connector, session } = yield* sessionOn({ resolver })
      const test = Effect.gen(function* () {
        assert.strictEqual(yield* text(session, `http://a.test:${at.port}/nonce?x`), "x")
        const error = failure(yield* Effect.exit(text(session, `http://b.test:${at.port}/`)))
        if (error._tag !== "ClientConnectorError") return assert.fail(error._tag)
        assert.sameMembers(error.addresses?.map(({ address, code }) => `${address} ${code}`) ?? [], [
          "127.0.0.2 ECONNREFUSED",
          `127.255.255.255 ${process.platform === "linux" ? "ENETUNREACH" : error.code}`
        ])
      })
      succeeds(yield* invariants(test, { connector, servers: [at], settle: 1000 }))
    })
  )

  it.scopedLive("fails with a typed error if localAddress is not an address of the machine", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.answerNonces)
      const { connector, session } = yield* sessionOn({ localAddress: "203.0.113.1" })
      const test = Effect.gen(function* () {
        const error = failure(yield* Effect.exit(text(session, at.url)))
        assert.strictEqual(tagAndCode(error), "ClientConnectorError EADDRNOTAVAIL")
      })
      succeeds(yield* invariants(test, { connector, servers: [at] }))
    })
  )

  it.scopedLive("waits only the delay for a silent IPv6 address, and closes it", () =>
    Effect.gen(function* () {
      const server = yield* besideBlackHole("::1", "127.0.0.1", (socket) =>
        socket.on("data", () => socket.write(Server.response(200, "four")))
      )
      const { connector, session } = yield* sessionOn({
        happyEyeballsDelay: "150 millis",
        resolver: Resolver.overrides({ "a.test": ["::1", "127.0.0.1"] })
      })
      const test = Effect.gen(function* () {
        const { active, millis, value } = yield* timed(text(session, `http://a.test:${server.port}/`))
        assert.strictEqual(value, "four")
        assert.isAtLeast(millis, 150)
        assert.isBelow(active, 5000)
      })
      succeeds(yield* invariants(test, { connector, settle: 1000 }))
    })
  )
})

describe("an address policy", () => {
  it.scopedLive("applies on every hop, to names and literals", () =>
    Effect.gen(function* () {
      const inner = yield* listen("127.0.0.2", 0, (socket) => socket.end())
      const port = inner.port
      const locations = [
        `http://127.0.0.2:${port}/`,
        `http://inner.test:${port}/`,
        `http://[::ffff:127.0.0.2]:${port}/`,
        `http://[::ffff:7f00:2]:${port}/`
      ]
      const outer = yield* Server.always(
        Server.answers(({ target }) => {
          const location = locations[Number(target.slice(1))]
          return location === undefined
            ? Server.response(200, "x")
            : Server.response(302, "", [`Location: ${location}`])
        })
      )
      const { connector, session } = yield* sessionOn({
        addressPolicy: { deny: ["127.0.0.2/32"] },
        resolver: Resolver.overrides({ "inner.test": ["127.0.0.2"] })
      })
      const test = Effect.gen(function* () {
        for (const [index, url] of locations.entries()) {
          for (const from of [url, `${outer.url}/${index}`]) {
            const error = failure(yield* Effect.exit(text(session, from)))
            if (error._tag !== "ClientConnectorError") return assert.fail(`${from} ${error._tag}`)
            assert.deepStrictEqual([error.reason, error.code], ["AddressPolicy", "ERR_IP_BLOCKED"])
          }
        }
        // A text that looks like a number but is not one is no host, with or without a policy.
        for (const host of ["2130706434", "0x7f.2", "0177.0.0.2"]) {
          assert.strictEqual(failure(yield* Effect.exit(text(session, `http://${host}:${port}/`)))._tag, "InvalidURL")
        }
        assert.strictEqual(yield* text(session, `${outer.url}/x`), "x")
      })
      succeeds(yield* invariants(test, { connector, servers: [outer], settle: 1000 }))
      assert.strictEqual(inner.accepted(), 0)
    })
  )
})

describe("a peer that hangs up", () => {
  const rows: ReadonlyArray<readonly [string, Server.Play, ReadonlyArray<string>]> = [
    ["at once", Server.fin, ["ServerDisconnectedError", "ClientOSError EPIPE", "ClientOSError ECONNRESET"]],
    ["at once, hard", Server.reset, ["ServerDisconnectedError", "ClientOSError ECONNRESET", "ClientOSError EPIPE"]],
    ["after the request", Server.plays(Server.request, Server.fin), ["ServerDisconnectedError"]],
    ["after the request, hard", Server.plays(Server.request, Server.reset), ["ClientOSError ECONNRESET"]]
  ]
  for (const [name, play, expected] of rows) {
    it.scopedLive(`${name} fails a POST with a typed error, and the POST is not sent again`, () =>
      Effect.gen(function* () {
        const at = yield* Server.server([play])
        const { connector, session } = yield* sessionOn()
        const test = Effect.gen(function* () {
          const request = session.post(`${at.url}/`, { ...limits, data: "x".repeat(1000) })
          assert.include(expected, tagAndCode(failure(yield* Effect.exit(request.pipe(ClientResponse.text)))))
          assert.strictEqual(yield* at.accepted, 1)
          assert.strictEqual(yield* text(session, `${at.url}/nonce?x`), "x")
        })
        succeeds(yield* invariants(test, { connector, servers: [at], settle: 1000 }))
      })
    )
  }
})
