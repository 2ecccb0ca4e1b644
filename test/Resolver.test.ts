import * as Dgram from "node:dgram"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, type Scope } from "effect"
import { ClientConnectorDNSError } from "../src/Errors.js"
import * as Resolver from "../src/Resolver.js"
import { timed } from "./support/time.js"
import { turns, until } from "./support/wait.js"

interface Question {
  readonly name: string
  readonly type: "A" | "AAAA" | "other"
}

type Record = { readonly ttl: number } & ({ readonly address: string } | { readonly cname: string })

/** The reply of the server: records, a response code, or silence. */
type Reply = ReadonlyArray<Record> | "NXDOMAIN" | "SERVFAIL" | "REFUSED" | "silence"

const codes = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 } as const

const encodeName = (name: string) =>
  Buffer.concat([
    ...name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0])
  ])

const decodeName = (message: Buffer): { readonly name: string; readonly end: number } => {
  const labels: Array<string> = []
  let at = 12
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 }
}

const encodeAddress = (address: string): Buffer => {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number))
  const bytes = Buffer.alloc(16)
  const [head = "", tail = ""] = address.split("::")
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)))
  const after = groups(tail)
  for (const [i, group] of groups(head).entries()) bytes.writeUInt16BE(group, i * 2)
  for (const [i, group] of after.entries()) bytes.writeUInt16BE(group, 16 - (after.length - i) * 2)
  return bytes
}

const encodeRecord = (owner: string, record: Record): Buffer => {
  const data = "cname" in record ? encodeName(record.cname) : encodeAddress(record.address)
  const type = "cname" in record ? 5 : data.length === 4 ? 1 : 28
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(record.ttl, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([encodeName(owner), fixed, data])
}

const encodeReply = (query: Buffer, end: number, name: string, reply: Exclude<Reply, "silence">): Buffer => {
  const records = typeof reply === "string" ? [] : reply
  const head = Buffer.alloc(12)
  query.copy(head, 0, 0, 2)
  head.writeUInt16BE(0x8180 | (typeof reply === "string" ? codes[reply] : 0), 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(records.length, 6)
  const body: Array<Buffer> = []
  let owner = name
  for (const record of records) {
    body.push(encodeRecord(owner, record))
    if ("cname" in record) owner = record.cname
  }
  return Buffer.concat([head, query.subarray(12, end + 4), ...body])
}

interface Server {
  readonly address: string
  readonly port: number
  readonly asked: ReadonlyArray<Question>
  /** Resolves when this many questions have arrived. */
  readonly questions: (count: number) => Effect.Effect<void>
}

/** A name server on the loopback. */
const nameServer = (answer: (question: Question, nth: number) => Reply): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<{ socket: Dgram.Socket; asked: Array<Question>; watchers: Set<() => void> }>((resume) => {
      const asked: Array<Question> = []
      const watchers = new Set<() => void>()
      const socket = Dgram.createSocket("udp4")
      socket.on("message", (message, from) => {
        const { end, name } = decodeName(message)
        const number = message.readUInt16BE(end)
        const question: Question = { name, type: number === 1 ? "A" : number === 28 ? "AAAA" : "other" }
        asked.push(question)
        const reply = answer(question, asked.length)
        if (reply !== "silence") socket.send(encodeReply(message, end, name, reply), from.port, from.address)
        for (const watcher of [...watchers]) watcher()
      })
      socket.bind(0, "127.0.0.1", () => resume(Effect.succeed({ socket, asked, watchers })))
    }),
    ({ socket }) => Effect.async<void>((resume) => void socket.close(() => resume(Effect.void)))
  ).pipe(
    Effect.map(({ asked, socket, watchers }) => ({
      address: `127.0.0.1:${socket.address().port}`,
      port: socket.address().port,
      asked,
      questions: (count) =>
        Effect.async<void>((resume) => {
          const watcher = () => {
            if (asked.length < count) return
            watchers.delete(watcher)
            resume(Effect.void)
          }
          watchers.add(watcher)
          watcher()
        })
    }))
  )

const plain = (addresses: ReadonlyArray<Resolver.Address>) =>
  addresses.map(({ address, family, ttl }) => [
    address,
    family,
    ttl === undefined ? undefined : Duration.toSeconds(ttl)
  ])

const codeOf = (service: Resolver.ResolverService, host: string, family?: 4 | 6) =>
  Effect.map(Effect.flip(service.resolve(host, { family })), (error) => {
    assert.instanceOf(error, ClientConnectorDNSError)
    assert.strictEqual(error.host, host)
    assert.strictEqual(error.phase, "dns")
    return error.code
  })

const fixed = (...addresses: ReadonlyArray<string>) => Resolver.overrides({ "known.test": addresses })

const failing = (code: string): Resolver.ResolverService => ({
  resolve: (host) => Effect.fail(new ClientConnectorDNSError({ host, code, phase: "dns" }))
})

describe("system", () => {
  it.effect("resolves names of the loopback to ::1 and 127.0.0.1 without asking the operating system", () =>
    Effect.gen(function* () {
      for (const host of ["localhost", "localhost.", "LocalHost", "app.localhost", "no.such.LOCALHOST."]) {
        assert.deepStrictEqual(plain(yield* Resolver.system.resolve(host, {})), [
          ["::1", 6, undefined],
          ["127.0.0.1", 4, undefined]
        ])
        assert.deepStrictEqual(plain(yield* Resolver.system.resolve(host, { family: 6 })), [["::1", 6, undefined]])
      }
    })
  )

  it.live("asks the operating system, which knows localhost", () =>
    Effect.gen(function* () {
      const addresses = yield* Resolver.system.resolve("localhost", { family: 4 })
      assert.deepStrictEqual(plain(addresses), [["127.0.0.1", 4, undefined]])
    })
  )

  it.live("fails for an invalid host name without asking the system", () =>
    Effect.gen(function* () {
      for (const host of ["nothing.invalid", "a".repeat(300), "a\0b"]) {
        assert.match(yield* codeOf(Resolver.system, host), /^E[A-Z_]+$/)
      }
    })
  )

  it.live("is the default of the Reference", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Resolver.Resolver, Resolver.system)
      const other = fixed("1.1.1.1")
      assert.strictEqual(yield* Effect.provideService(Resolver.Resolver, Resolver.Resolver, other), other)
      assert.strictEqual(Context.get(Context.empty(), Resolver.Resolver), Resolver.system)
    })
  )
})

describe("nameservers", () => {
  it.scopedLive("returns all addresses with their own time to live, IPv6 first", () =>
    Effect.gen(function* () {
      const server = yield* nameServer(({ type }) =>
        type === "A"
          ? [
              { address: "192.0.2.1", ttl: 30 },
              { address: "192.0.2.2", ttl: 30 }
            ]
          : [{ address: "2001:db8::1", ttl: 1 }]
      )
      const addresses = yield* Resolver.nameservers([server.address]).resolve("a.test", {})
      assert.deepStrictEqual(plain(addresses), [
        ["2001:db8::1", 6, 1],
        ["192.0.2.1", 4, 30],
        ["192.0.2.2", 4, 30]
      ])
      assert.deepStrictEqual(server.asked.map(({ name, type }) => `${name} ${type}`).sort(), [
        "a.test A",
        "a.test AAAA"
      ])
    })
  )

  it.scopedLive("queries the requested family only", () =>
    Effect.gen(function* () {
      const server = yield* nameServer(({ type }) => [{ address: type === "A" ? "192.0.2.1" : "2001:db8::1", ttl: 5 }])
      const service = Resolver.nameservers(["127.0.0.1"], { port: server.port })
      assert.deepStrictEqual(plain(yield* service.resolve("a.test", { family: 4 })), [["192.0.2.1", 4, 5]])
      assert.deepStrictEqual(plain(yield* service.resolve("a.test", { family: 6 })), [["2001:db8::1", 6, 5]])
      assert.deepStrictEqual(
        server.asked.map(({ type }) => type),
        ["A", "AAAA"]
      )
    })
  )

  it.scopedLive("follows a CNAME, and applies its time to live if it is shorter", () =>
    Effect.gen(function* () {
      const server = yield* nameServer(({ type }) =>
        type === "A"
          ? [
              { cname: "real.test", ttl: 1 },
              { address: "192.0.2.7", ttl: 300 }
            ]
          : []
      )
      const addresses = yield* Resolver.nameservers([server.address]).resolve("alias.test", {})
      assert.deepStrictEqual(plain(addresses), [["192.0.2.7", 4, 1]])
    })
  )

  const failures: ReadonlyArray<[Reply, string]> = [
    ["NXDOMAIN", "ENOTFOUND"],
    ["SERVFAIL", "ESERVFAIL"],
    ["REFUSED", "EREFUSED"],
    [[], "ENODATA"]
  ]
  it.scopedLive.each(failures)("maps %j to %s", ([reply, code]) =>
    Effect.gen(function* () {
      const server = yield* nameServer(() => reply)
      const service = Resolver.nameservers([server.address], { timeout: "20 seconds", tries: 1 })
      assert.strictEqual(yield* codeOf(service, "a.test"), code)
      assert.strictEqual(yield* codeOf(service, "a.test", 4), code)
    })
  )

  it.scopedLive("reports the more specific of two failures", () =>
    Effect.gen(function* () {
      const server = yield* nameServer(({ type }) => (type === "A" ? [] : "REFUSED"))
      assert.strictEqual(yield* codeOf(Resolver.nameservers([server.address], { tries: 1 }), "a.test"), "EREFUSED")
    })
  )

  it.scopedLive("succeeds if one family has addresses", () =>
    Effect.gen(function* () {
      const server = yield* nameServer(({ type }) => (type === "A" ? "SERVFAIL" : [{ address: "2001:db8::1", ttl: 5 }]))
      const addresses = yield* Resolver.nameservers([server.address], { tries: 1 }).resolve("a.test", {})
      assert.deepStrictEqual(plain(addresses), [["2001:db8::1", 6, 5]])
    })
  )

  it.scopedLive("returns an IPv4 answer without waiting for an IPv6 answer that never arrives", () =>
    Effect.gen(function* () {
      const server = yield* nameServer(({ type }) => (type === "A" ? [{ address: "192.0.2.1", ttl: 5 }] : "silence"))
      const resolver = Resolver.nameservers([server.address], { timeout: "20 seconds" })
      const { active, value } = yield* timed(resolver.resolve("a.test", {}))
      assert.deepStrictEqual(plain(value), [["192.0.2.1", 4, 5]])
      assert.isBelow(active, 10_000)
    })
  )

  it.scopedLive("fails with ETIMEOUT after the configured tries if the server is silent", () =>
    Effect.gen(function* () {
      const server = yield* nameServer(() => "silence")
      const service = Resolver.nameservers([server.address], { timeout: "20 millis", tries: 2 })
      assert.strictEqual(yield* codeOf(service, "a.test", 4), "ETIMEOUT")
      yield* server.questions(2)
      yield* turns(10)
      assert.strictEqual(server.asked.length, 2)
    })
  )

  it.scopedLive("asks the next server if the first is silent", () =>
    Effect.gen(function* () {
      const silent = yield* nameServer(() => "silence")
      const server = yield* nameServer(() => [{ address: "192.0.2.1", ttl: 5 }])
      const service = Resolver.nameservers([silent.address, server.address], { timeout: "200 millis" })
      assert.deepStrictEqual(plain(yield* service.resolve("a.test", { family: 4 })), [["192.0.2.1", 4, 5]])
      assert.isAtLeast(silent.asked.length, 1)
    })
  )

  it.scopedLive("cancels one interrupted lookup and no other", () =>
    Effect.gen(function* () {
      let open = false
      const server = yield* nameServer(() => (open ? [{ address: "192.0.2.1", ttl: 5 }] : "silence"))
      const of = (name: string) => server.asked.filter((question) => question.name === name).length
      const service = Resolver.nameservers([server.address], { timeout: "300 millis", tries: 5 })
      const mine = yield* Effect.fork(service.resolve("mine.test", { family: 4 }))
      yield* until(() => of("mine.test") > 0)
      const other = yield* Effect.fork(service.resolve("other.test", { family: 4 }))
      yield* until(() => of("other.test") > 0)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(mine)))
      yield* turns(10)
      const before = of("mine.test")
      open = true
      // If the interrupted lookup continued, it would repeat its question before the other one does.
      assert.deepStrictEqual(plain(yield* Fiber.join(other)), [["192.0.2.1", 4, 5]])
      assert.strictEqual(of("mine.test"), before)
    })
  )

  it.scopedLive("resolves localhost to the loopback without asking a server", () =>
    Effect.gen(function* () {
      const server = yield* nameServer(() => [{ address: "192.0.2.1", ttl: 5 }])
      const service = Resolver.nameservers([server.address])
      for (const host of ["localhost", "localhost.", "app.localhost", "App.LocalHost."]) {
        assert.deepStrictEqual(plain(yield* service.resolve(host, {})), [
          ["::1", 6, undefined],
          ["127.0.0.1", 4, undefined]
        ])
      }
      assert.deepStrictEqual(plain(yield* service.resolve("localhost", { family: 4 })), [["127.0.0.1", 4, undefined]])
      assert.deepStrictEqual(server.asked, [])
      yield* service.resolve("notlocalhost", { family: 4 })
      assert.strictEqual(server.asked.length, 1)
    })
  )

  it("refuses an invalid server address", () => {
    for (const servers of [[], ["dns.example"], [""], ["127.0.0.1:99999999"], ["1.1.1.1", "x"]]) {
      assert.throws(() => Resolver.nameservers(servers))
    }
    assert.throws(() => Resolver.nameservers(["1.1.1.1"], { tries: 0 }))
    assert.throws(() => Resolver.nameservers(["1.1.1.1"], { timeout: -1 }), TypeError)
    assert.throws(() => Resolver.nameservers(["1.1.1.1"], { port: 70_000 }))
    for (const server of ["1.1.1.1", "1.1.1.1:5353", "::1", "[::1]", "[::1]:5353"]) Resolver.nameservers([server])
  })
})

describe("overrides", () => {
  const elsewhere = failing("ENOTFOUND")
  const service = Resolver.overrides(
    {
      "API.test": ["192.0.2.1", "2001:db8::1"],
      "bücher.test": "192.0.2.2",
      "nowhere.test": [],
      "dot.test.": "192.0.2.3"
    },
    elsewhere
  )

  const rows: ReadonlyArray<[string, 4 | 6 | undefined, ReadonlyArray<string> | string]> = [
    ["api.test", undefined, ["192.0.2.1", "2001:db8::1"]],
    ["api.test.", undefined, ["192.0.2.1", "2001:db8::1"]],
    ["api.test", 6, ["2001:db8::1"]],
    ["xn--bcher-kva.test", undefined, ["192.0.2.2"]],
    ["xn--bcher-kva.test", 6, "ENODATA"],
    ["dot.test", undefined, ["192.0.2.3"]],
    ["nowhere.test", undefined, "ENODATA"],
    ["sub.api.test", undefined, "ENOTFOUND"],
    ["constructor", undefined, "ENOTFOUND"],
    ["__proto__", undefined, "ENOTFOUND"]
  ]
  it.effect.each(rows)("resolves %s with family %s to %j", ([host, family, expected]) =>
    Effect.gen(function* () {
      const result = yield* Effect.either(service.resolve(host, { family }))
      if (result._tag === "Left") return assert.strictEqual(result.left.code, expected)
      assert.deepStrictEqual(
        result.right.map(({ address }) => address),
        expected
      )
    })
  )

  it("accepts addresses only", () => {
    for (const address of ["localhost", "", "127.1", "[::1]", "2130706433"]) {
      assert.throws(() => Resolver.overrides({ "a.test": address }), TypeError)
    }
  })

  it("accepts host names, and refuses IP addresses, which are never looked up", () => {
    for (const name of ["", "a..b", "a b", "localhost/x", "localhost?x", "local\nhost", "*.test", "127.0.0.1", "::1"]) {
      assert.throws(() => Resolver.overrides({ [name]: "127.0.0.1" }), TypeError, "Resolver.overrides")
    }
  })

  it.live("asks the system for all other names by default", () =>
    Effect.gen(function* () {
      const [first] = yield* Resolver.overrides({}).resolve("localhost", { family: 4 })
      assert.strictEqual(first.address, "127.0.0.1")
    })
  )
})

describe("orElse", () => {
  it.effect("asks the second resolver only after the first has failed", () =>
    Effect.gen(function* () {
      const known = fixed("192.0.2.1")
      const both = Resolver.orElse(failing("ESERVFAIL"), known)
      assert.strictEqual((yield* both.resolve("known.test", {}))[0].address, "192.0.2.1")
      const never: Resolver.ResolverService = { resolve: () => Effect.dieMessage("asked") }
      assert.strictEqual((yield* Resolver.orElse(known, never).resolve("known.test", {}))[0].address, "192.0.2.1")
      assert.strictEqual(
        yield* codeOf(Resolver.orElse(failing("ESERVFAIL"), failing("ENOTFOUND")), "a.test"),
        "ENOTFOUND"
      )
    })
  )

  it.effect("passes the family to both resolvers", () =>
    Effect.gen(function* () {
      const service = Resolver.orElse(fixed("192.0.2.1"), fixed("2001:db8::1"))
      assert.strictEqual((yield* service.resolve("known.test", { family: 6 }))[0].address, "2001:db8::1")
    })
  )
})
