/**
 * Sessions on Unix sockets: paths that cannot be connected to, requests that stay on the socket, and requests over TCP,
 * which never open a path.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Tls from "node:tls"
import { Worker } from "node:worker_threads"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import type { ClientError } from "effect-http-session/Errors"
import * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import { standard } from "../support/certificates.js"
import { invariants } from "../support/invariants.js"
import * as Server from "../support/server.js"
import { sessionOn } from "../support/stages.js"

const limits = { timeout: "10 seconds" } as const

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ehs-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The request lines and Host fields that arrived at a path. */
interface Site {
  readonly seen: Array<string>
  readonly accepted: () => number
  readonly connections: Effect.Effect<number>
}

const site = (
  path: string,
  answer: (target: string, socket: Net.Socket) => void,
  tls?: Tls.TlsOptions
): Effect.Effect<Site, never, Scope.Scope> => {
  const seen: Array<string> = []
  const sockets = new Set<Net.Socket>()
  let accepted = 0
  const onSocket = (socket: Net.Socket) => {
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      const head = chunk.toString("latin1")
      const host = /^host: (.*)$/im.exec(head)?.[1]
      seen.push(`${head.split("\r\n")[0]} ${host}`)
      answer(head.split(" ")[1] ?? "", socket)
    })
  }
  return Effect.acquireRelease(
    Effect.async<Net.Server>((resume) => {
      const server = tls === undefined ? Net.createServer(onSocket) : Tls.createServer(tls, onSocket)
      server.on("connection", (socket: Net.Socket) => {
        accepted++
        sockets.add(socket.on("error", () => {}))
        socket.once("close", () => sockets.delete(socket))
      })
      server.listen(path, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  ).pipe(Effect.as({ seen, accepted: () => accepted, connections: Effect.sync(() => sockets.size) }))
}

const unixSession = (path: string, options: Partial<Connector.UnixOptions> = {}) =>
  Effect.gen(function* () {
    const connector = yield* Connector.unix({ path, ...options })
    const session = yield* Session.make().pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
    )
    return { connector, session }
  })

const text = (session: Session.SessionService, url: string) => session.get(url, limits).pipe(ClientResponse.text)

const tagAndPath = (error: ClientError): string =>
  error._tag === "UnixClientConnectorError" ? `${error._tag} ${error.path} ${error.code}` : error._tag

const outcome = <A>(effect: Effect.Effect<A, ClientError>) =>
  Effect.match(effect, { onFailure: tagAndPath, onSuccess: (value) => String(value) })

const succeeds = (exit: Exit.Exit<unknown, unknown>) => assert.isTrue(Exit.isSuccess(exit), String(exit))

const blockerSource = `
const { parentPort, workerData } = require("node:worker_threads")
require("node:net").createServer().listen({ path: workerData, backlog: 1 }, () => {
  parentPort.postMessage("listening")
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
`

/** A socket with a full queue, from which no process accepts. */
const full = (path: string) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<Worker>((done, fail) => {
          const worker = new Worker(blockerSource, { eval: true, workerData: path })
          worker.once("error", fail).once("message", () => done(worker))
        })
    ),
    (worker) => Effect.promise(() => worker.terminate())
  ).pipe(
    Effect.zipRight(
      Effect.acquireRelease(
        Effect.async<ReadonlyArray<Net.Socket>>((resume) => {
          const fillers: Array<Net.Socket> = []
          const fill = () => {
            const socket = Net.connect(path)
            fillers.push(socket)
            socket.once("connect", fill).once("error", () => resume(Effect.succeed(fillers)))
          }
          fill()
        }),
        (fillers) =>
          Effect.sync(() => {
            for (const socket of fillers) socket.destroy()
          })
      )
    )
  )

describe("a Unix path that cannot be connected to", () => {
  it.scopedLive("fails with a typed error that has the path and the system's code", () =>
    Effect.gen(function* () {
      const base = yield* directory
      writeFileSync(join(base, "file"), "")
      const rows = [
        [join(base, "missing"), "ENOENT"],
        [join(base, "file"), "ECONNREFUSED"],
        [join(base, "file", "below"), "ENOTDIR"],
        [join(base, "x".repeat(120)), "ENAMETOOLONG"]
      ] as const
      for (const [path, code] of rows) {
        const { connector, session } = yield* unixSession(path)
        const test = Effect.gen(function* () {
          for (const url of ["http://any.test/", "https://any.test/"]) {
            assert.strictEqual(yield* outcome(text(session, url)), `UnixClientConnectorError ${path} ${code}`)
          }
        })
        succeeds(yield* invariants(test, { connector }))
      }
    })
  )

  it.scopedLive.skipIf(process.platform === "win32")("fails with EACCES if it is not permitted", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "s")
      const at = yield* site(path, () => {})
      chmodSync(path, 0)
      const { session } = yield* unixSession(path)
      // Root has every permission, so that this part runs as another user.
      const somebody = Effect.acquireRelease(
        Effect.sync(() => process.getuid?.() === 0 && process.seteuid?.(65_534)),
        () => Effect.sync(() => process.getuid?.() === 0 && process.seteuid?.(0))
      )
      const result = yield* Effect.scoped(Effect.zipRight(somebody, outcome(text(session, "http://any.test/"))))
      assert.strictEqual(result, `UnixClientConnectorError ${path} EACCES`)
      assert.strictEqual(at.accepted(), 0)
    })
  )

  it.scopedLive.skipIf(process.platform !== "linux")(
    "fails with EAGAIN if its queue is full, and the next request succeeds",
    () =>
      Effect.gen(function* () {
        const base = yield* directory
        const path = join(base, "s")
        yield* full(path)
        const { connector, session } = yield* unixSession(path)
        const test = Effect.gen(function* () {
          for (const _ of [1, 2, 3]) {
            assert.strictEqual(
              yield* outcome(text(session, "http://any.test/")),
              `UnixClientConnectorError ${path} EAGAIN`
            )
          }
        })
        succeeds(yield* invariants(test, { connector }))
      })
  )

  it.scopedLive("fails with the limit of the phase if the peer does not respond, and leaves nothing open", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "s")
      const at = yield* site(path, () => {})
      const { connector, session } = yield* unixSession(path)
      const test = Effect.gen(function* () {
        const plain = session.get("http://any.test/", { timeout: { headers: 100 } }).pipe(ClientResponse.text)
        assert.strictEqual(yield* outcome(plain), "SocketTimeoutError")
        const secure = session.get("https://any.test/", { timeout: { tls: 100 } }).pipe(ClientResponse.text)
        assert.strictEqual(yield* outcome(secure), "ConnectionTimeoutError")
      })
      succeeds(yield* invariants(test, { connector, servers: [at], settle: 1000 }))
    })
  )
})

describe("a session on a Unix socket", () => {
  it.scopedLive("stays on the socket after redirects to other hosts, and shares connections by host", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "s")
      const tcp = yield* Server.always(Server.answerNonces)
      const locations: Readonly<Record<string, string>> = {
        "/name": "http://other.test/end",
        "/address": `${tcp.url}/end`,
        "/localhost": `http://localhost:${tcp.port}/end`,
        "/relative": "/end"
      }
      const at = yield* site(path, (target, socket) => {
        const location = locations[target]
        socket.write(
          location === undefined
            ? Server.response(200, "end")
            : Server.response(302, "").replace("\r\n", `\r\nLocation: ${location}\r\n`)
        )
      })
      const { connector, session } = yield* unixSession(path)
      const test = Effect.gen(function* () {
        for (const target of Object.keys(locations)) {
          assert.strictEqual(yield* text(session, `http://docker.test${target}`), "end")
        }
        // Proxies of the environment and of requests apply to TCP only.
        const proxied = session.get("http://docker.test/end", { ...limits, proxy: tcp.url })
        assert.strictEqual(yield* outcome(proxied.pipe(ClientResponse.text)), "end")
      })
      succeeds(yield* invariants(test, { connector, servers: [at], settle: 1000 }))
      assert.strictEqual(yield* tcp.accepted, 0)
      assert.includeMembers(at.seen, [
        "GET /end HTTP/1.1 other.test",
        `GET /end HTTP/1.1 127.0.0.1:${tcp.port}`,
        "GET /end HTTP/1.1 docker.test"
      ])
    })
  )

  it.scopedLive("uses https over it, and verifies the name of the URL", () =>
    Effect.gen(function* () {
      const base = yield* directory
      const { authority, ca } = yield* standard()
      const { cert, key } = yield* authority.issue({ names: ["docker.test"] })
      const path = join(base, "s")
      const at = yield* site(path, (_, socket) => socket.write(Server.response(200, "secure")), { cert, key })
      const { connector, session } = yield* unixSession(path, { ssl: yield* Ssl.context({ ca }) })
      const test = Effect.gen(function* () {
        assert.strictEqual(yield* text(session, "https://docker.test/"), "secure")
        assert.strictEqual(yield* outcome(text(session, "https://other.test/")), "ClientConnectorCertificateError")
      })
      succeeds(yield* invariants(test, { connector, servers: [at], settle: 1000 }))
      assert.strictEqual(at.seen.length, 1)
    })
  )

  it.scopedLive.skipIf(process.platform !== "linux")("accepts an abstract name", () =>
    Effect.gen(function* () {
      const path = `\0ehs-${process.pid}-${performance.now()}`
      yield* site(path, (_, socket) => socket.write(Server.response(200, "abstract")))
      const { session } = yield* unixSession(path)
      assert.strictEqual(yield* text(session, "http://any.test/"), "abstract")
      const other = yield* unixSession(`${path}-other`)
      assert.strictEqual(
        yield* outcome(text(other.session, "http://any.test/")),
        `UnixClientConnectorError ${path}-other ECONNREFUSED`
      )
    })
  )
})

describe("a session on TCP", () => {
  it.scopedLive("does not open a path that a URL, a redirect or the environment contains", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "s")
      const at = yield* site(path, (_, socket) => socket.write(Server.response(200, "unix")))
      const encoded = encodeURIComponent(path)
      const urls = [
        `http://unix:${path}:/`,
        `http://unix:${path}`,
        `unix://${path}`,
        `unix:${path}:/`,
        `http+unix://${encoded}/`,
        `http://${encoded}/`,
        `file://${path}`
      ]
      const redirecting = yield* Server.always(
        Server.answers(({ target }) => Server.response(302, "", [`Location: ${urls[Number(target.slice(1))] ?? "/"}`]))
      )
      const resolver = {
        resolve: () => Effect.succeed([{ address: path, family: 4 }] as const)
      }
      const plain = yield* sessionOn()
      const resolving = yield* sessionOn({ resolver })
      const settings = { HTTP_PROXY: `unix://${path}`, http_proxy: `unix:${path}`, ALL_PROXY: path }
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          const before = Object.keys(settings).map((name) => [name, process.env[name]] as const)
          Object.assign(process.env, settings)
          return before
        }),
        (before) =>
          Effect.sync(() => {
            for (const [name, value] of before) {
              if (value === undefined) delete process.env[name]
              else process.env[name] = value
            }
          })
      )
      const environment = yield* sessionOn({}, { trustEnv: true })
      for (const { session } of [plain, resolving, environment]) {
        for (const [index, url] of urls.entries()) {
          const direct = yield* Effect.exit(text(session, url))
          assert.isTrue(Exit.isFailure(direct) && direct.cause._tag === "Fail", url)
          const redirected = yield* Effect.exit(text(session, `${redirecting.url}/${index}`))
          assert.isTrue(Exit.isFailure(redirected) && redirected.cause._tag === "Fail", url)
        }
        yield* Effect.exit(text(session, "http://a.test/"))
      }
      assert.strictEqual(at.accepted(), 0)
    })
  )
})
