/**
 * Connections and lookups in a network that is as broken as possible: runs in a separate network and mount namespace,
 * and breaks its routes, ports and name server by itself. Prints the results as JSON.
 */
import { execFileSync } from "node:child_process"
import { createSocket } from "node:dgram"
import { readFile, readFileSync, writeFileSync, writeSync } from "node:fs"
import { createServer } from "node:net"
import { promisify } from "node:util"
import { gunzip, gzipSync } from "node:zlib"
import { Effect, Fiber } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import * as Connector from "../../../src/Connector.js"
import * as CookieJar from "../../../src/CookieJar.js"
import type { ClientError } from "../../../src/Errors.js"
import * as Resolver from "../../../src/Resolver.js"
import * as Session from "../../../src/Session.js"
import type * as Timeouts from "../../../src/Timeouts.js"

const run = (command: string): void => {
  const [file = "", ...args] = command.split(" ")
  execFileSync(file, args, { stdio: "inherit" })
}

const spoil = (): void => {
  for (const kind of ["blackhole 10.1.0.0/16", "unreachable 10.2.0.0/16", "prohibit 10.3.0.0/16"]) {
    run(`ip route add ${kind}`)
  }
  // The neighbours are configured, so that every SYN is sent and none is answered.
  run("ip link add v0 type veth peer name v1")
  run("ip addr add 10.4.0.1/24 dev v0")
  run("ip -6 addr add fd00::1/64 dev v0 nodad")
  run("ip link set v0 up")
  run("ip link set v1 up")
  run("ip neigh add 10.4.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent")
  run("ip -6 neigh add fd00::2 lladdr 02:00:00:00:00:02 dev v0 nud permanent")
}

/** The tag of an error, and the field that distinguishes its kinds. */
const describeError = (error: ClientError): string => {
  if (error._tag === "ConnectionTimeoutError") return `${error._tag} ${error.timeout} ${error.phase}`
  return "code" in error ? `${error._tag} ${error.code}` : error._tag
}

const sessionOn = (options: Connector.TcpOptions) =>
  Effect.gen(function* () {
    const connector = yield* Connector.tcp(options)
    const session = yield* Session.make().pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
    )
    return { connector, session }
  })

const outcome = (session: Session.SessionService, url: string, timeout: Timeouts.Input) =>
  Effect.match(ClientResponse.text(session.get(url, { timeout })), {
    onFailure: describeError,
    onSuccess: (text) => text
  })

const timed = <A>(effect: Effect.Effect<A>) =>
  Effect.suspend(() => {
    const started = performance.now()
    return Effect.map(effect, (result) => ({ result, millis: performance.now() - started }))
  })

const sockets = () => process.getActiveResourcesInfo().filter((name) => /^TCP(Socket|Connect)Wrap$/.test(name)).length

/** Answers on request. */
const serve = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly hold: () => void; readonly go: () => void; close: () => void }>(
    (resume) => {
      let held: Array<() => void> | undefined
      const server = createServer((socket) => {
        socket.on("error", () => {})
        socket.on("data", () => {
          const answer = () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
          if (held === undefined) answer()
          else held.push(answer)
        })
      }).listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(
          Effect.succeed({
            port: typeof address === "object" && address !== null ? address.port : 0,
            hold: () => {
              held = []
            },
            go: () => {
              for (const answer of held ?? []) answer()
              held = undefined
            },
            close: () => server.close()
          })
        )
      })
    }
  ),
  (server) => Effect.sync(server.close)
)

const routes = Effect.gen(function* () {
  const { session } = yield* sessionOn({})
  const codes: Record<string, string> = {}
  for (const address of ["10.1.0.1", "10.2.0.1", "10.3.0.1", "10.99.0.1"]) {
    codes[address] = yield* outcome(session, `http://${address}:80/`, "5 seconds")
  }
  return codes
})

const silence = Effect.gen(function* () {
  const { connector, session } = yield* sessionOn({ limit: 0 })
  const limits: ReadonlyArray<Timeouts.Input> = [{ socketConnect: 300 }, { connect: 400 }, { total: 500 }]
  const ended = yield* Effect.forEach(limits, (limit) => timed(outcome(session, "http://10.4.0.2:80/", limit)), {
    concurrency: "unbounded"
  })
  const { acquired, connecting } = yield* connector.stats
  yield* Effect.sleep(50)
  return { ended, left: sockets() + acquired + connecting }
})

const eyeballs = Effect.gen(function* () {
  const { port } = yield* serve
  const { session } = yield* sessionOn({
    happyEyeballsDelay: "250 millis",
    resolver: Resolver.overrides({ "a.test": ["fd00::2", "127.0.0.1"] })
  })
  return yield* timed(outcome(session, `http://a.test:${port}/`, "10 seconds"))
})

const ports = Effect.gen(function* () {
  const { go, hold, port } = yield* serve
  const { connector, session } = yield* sessionOn({ limit: 0 })
  const path = "/proc/sys/net/ipv4/ip_local_port_range"
  const all = readFileSync(path, "latin1")
  writeFileSync(path, "50000 50009")
  hold()
  const fibers = yield* Effect.forEach(Array.from({ length: 30 }), () =>
    Effect.fork(outcome(session, `http://127.0.0.1:${port}/`, "10 seconds"))
  )
  // The requests that have a port wait for their responses.
  yield* Effect.repeat(Effect.zipRight(Effect.sleep(5), connector.stats), {
    until: ({ acquired, connecting }) => connecting === 0 && acquired <= 10
  })
  go()
  const outcomes = yield* Effect.forEach(fibers, Fiber.join)
  const after = yield* outcome(session, `http://127.0.0.1:${port}/`, "10 seconds")
  writeFileSync(path, all)
  return { outcomes: [...new Set(outcomes)].sort(), after }
})

/** A name server that never answers. */
const mute = Effect.acquireRelease(
  Effect.async<ReturnType<typeof createSocket>>((resume) => {
    const socket = createSocket("udp4")
    socket.bind(53, "127.0.0.1", () => resume(Effect.succeed(socket)))
  }),
  (socket) => Effect.sync(() => socket.close())
)

/** More lookups than libuv has threads, which do not end soon, and other operations at the same time. */
const lookups = Effect.gen(function* () {
  yield* mute
  const { port } = yield* serve
  const { session } = yield* sessionOn({ limit: 0 })
  const compressed = gzipSync(Buffer.alloc(100_000))
  const hung = yield* Effect.fork(
    Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (n) => timed(outcome(session, `http://n${n}.test/`, { dns: 700 })), {
      concurrency: "unbounded"
    })
  )
  yield* Effect.sleep(100)
  const meanwhile = {
    address: yield* timed(outcome(session, `http://127.0.0.1:${port}/`, "5 seconds")),
    file: yield* timed(Effect.promise(() => promisify(readFile)("/etc/resolv.conf", "latin1"))),
    gunzip: yield* timed(Effect.promise(async () => (await promisify(gunzip)(compressed)).length)),
    systemName: yield* timed(outcome(session, `http://system.test:${port}/`, { dns: 300 }))
  }
  const named = yield* sessionOn({ resolver: Resolver.nameservers(["127.0.0.1:53"], { timeout: 200, tries: 1 }) })
  const own = yield* timed(outcome(named.session, "http://a.test/", "5 seconds"))
  return { hung: yield* Fiber.join(hung), meanwhile, own }
})

spoil()
const seen = await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      return {
        routes: yield* Effect.scoped(routes),
        silence: yield* Effect.scoped(silence),
        eyeballs: yield* Effect.scoped(eyeballs),
        ports: yield* Effect.scoped(ports),
        lookups: yield* Effect.scoped(lookups)
      }
    })
  )
)
writeSync(1, JSON.stringify(seen))
// A normal exit would wait for the lookups, which cannot be interrupted.
process.kill(process.pid, "SIGKILL")
