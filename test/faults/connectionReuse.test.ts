/**
 * Connections under concurrency, against servers in another process: a connection serves the next request after a
 * successful exchange, so that there are never more connections than concurrent requests.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as HttpBody from "@effect/platform/HttpBody"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Layer, Scope, Stream } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Proxy from "effect-http-session/Proxy"
import * as Session from "effect-http-session/Session"
import { standard } from "../support/certificates.js"
import { program } from "../support/child.js"
import { trusting } from "../support/proxied.js"

/** The way to a server: directly, or to the TLS 1.3 server through a proxy. */
type Way = "TLSv1.2" | "TLSv1.3" | "TCP" | "Unix" | "httpProxy" | "httpsProxy"

class Peer extends Context.Tag("Peer")<
  Peer,
  {
    readonly ports: Readonly<Record<Way, number>>
    readonly socket: string
    /** The number of connections that a server or proxy has accepted. */
    readonly accepted: (way: Way) => Effect.Effect<number>
  }
>() {
  static readonly layer = Layer.scoped(
    Peer,
    Effect.gen(function* () {
      const { good } = yield* standard()
      const socket = join(yield* directory, "s")
      const ready = yield* Deferred.make<string>()
      yield* program("keepAliveServer", [], {
        env: { CERT: good.cert, KEY: good.key, SOCKET: socket },
        onOutput: (text) => {
          if (text.endsWith("\n")) Deferred.unsafeDone(ready, Effect.succeed(text))
        }
      })
      const ports: Record<Way | "control", number> = JSON.parse(yield* Deferred.await(ready))
      const accepted = Effect.promise(() =>
        fetch(`http://127.0.0.1:${ports.control}/`).then((answer) => answer.json() as Promise<Record<Way, number>>)
      )
      return { ports, socket, accepted: (way: Way) => Effect.map(accepted, (counts) => counts[way]) }
    })
  )
}

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reuse-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** No connection is closed because it is idle: the machine may be slow. */
const patient = { keepaliveTimeout: "10 minutes" } as const

const connectorFor = (way: Way) =>
  Effect.gen(function* () {
    const { socket } = yield* Peer
    return yield* way === "Unix"
      ? Connector.unix({ path: socket, ...patient })
      : Connector.tcp({ ssl: yield* trusting, ...patient })
  })

const sessionBy = (way: Way) =>
  Effect.gen(function* () {
    const { ports } = yield* Peer
    const proxy =
      way === "httpProxy"
        ? Proxy.make(`http://127.0.0.1:${ports.httpProxy}`)
        : way === "httpsProxy"
          ? Proxy.make(`https://127.0.0.1:${ports.httpsProxy}`, { ssl: yield* trusting })
          : undefined
    return yield* Session.make({ timeout: Infinity, proxy }).pipe(
      Effect.provideServiceEffect(Connector.Connector, connectorFor(way)),
      Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
    )
  })

const urlBy = (way: Way, path = "/") =>
  Effect.map(Peer, ({ ports }) => {
    if (way === "Unix") return `http://unix.test${path}`
    if (way === "TCP") return `http://127.0.0.1:${ports.TCP}${path}`
    return `https://127.0.0.1:${ports[way === "TLSv1.2" ? way : "TLSv1.3"]}${path}`
  })

const bytes = (size: number) => new Uint8Array(size).fill(120)

const streamOf = (count: number, size: number, length?: number) => () =>
  HttpBody.stream(Stream.rechunk(Stream.take(Stream.repeatValue(bytes(size)), count), 1), undefined, length)

interface Shape {
  readonly name: string
  readonly method: "GET" | "HEAD" | "POST"
  readonly requests: number
  readonly concurrency: number
  readonly options: () => ClientRequest.RequestOptions
  readonly answer: string
  readonly path?: string
}

const shapes: ReadonlyArray<Shape> = [
  { name: "GET", method: "GET", requests: 600, concurrency: 50, options: () => ({}), answer: "GET 0" },
  { name: "GET", method: "GET", requests: 300, concurrency: 10, options: () => ({}), answer: "GET 0" },
  { name: "HEAD", method: "HEAD", requests: 150, concurrency: 10, options: () => ({}), answer: "" },
  { name: "204", method: "GET", requests: 150, concurrency: 10, options: () => ({}), answer: "", path: "/204" },
  { name: "304", method: "GET", requests: 150, concurrency: 10, options: () => ({}), answer: "", path: "/304" },
  {
    name: "GET with a head of 100 KB",
    method: "GET",
    requests: 150,
    concurrency: 10,
    options: () => ({ headers: Array.from({ length: 100 }, (_, i) => [`x-${i}`, "x".repeat(1000)] as const) }),
    answer: "GET 0"
  },
  {
    name: "POST of 100 bytes",
    method: "POST",
    requests: 200,
    concurrency: 10,
    options: () => ({ data: bytes(100) }),
    answer: "POST 100"
  },
  {
    name: "POST of 1 MB",
    method: "POST",
    requests: 100,
    concurrency: 10,
    options: () => ({ data: bytes(1_000_000) }),
    answer: "POST 1000000"
  },
  {
    name: "POST of a chunked stream",
    method: "POST",
    requests: 150,
    concurrency: 10,
    options: () => ({ data: streamOf(5, 1000)() }),
    answer: "POST 5000"
  },
  {
    name: "POST of a stream with a length",
    method: "POST",
    requests: 150,
    concurrency: 10,
    options: () => ({ data: streamOf(5, 100_000, 500_000)() }),
    answer: "POST 500000"
  },
  {
    name: "POST that waits for 100 Continue",
    method: "POST",
    requests: 150,
    concurrency: 10,
    options: () => ({ data: bytes(100), expect100: true }),
    answer: "POST 100"
  }
]

const load = (session: Session.SessionService, url: string, shape: Shape) =>
  Effect.forEach(
    Array.from({ length: shape.requests }),
    () =>
      Effect.map(session.request(shape.method, url, shape.options()).pipe(ClientResponse.text), (text) =>
        assert.strictEqual(text, shape.answer)
      ),
    { concurrency: shape.concurrency, discard: true }
  )

/** All tests share one process. `layer` of @effect/vitest would provide its services to the tests of later files as well. */
const scope = Effect.runSync(Scope.make())
let peer: Context.Context<Peer> | undefined

describe("a server in another process", () => {
  beforeAll(async () => {
    peer = await Effect.runPromise(Layer.buildWithScope(Peer.layer, scope))
  }, 60_000)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)), 60_000)

  const withPeer = <A, E, R>(effect: Effect.Effect<A, E, R | Peer>) =>
    Effect.suspend(() => (peer === undefined ? Effect.die(new Error("no peer")) : Effect.provide(effect, peer)))

  const names: Readonly<Record<Way, string>> = {
    "TLSv1.3": "TLS 1.3",
    "TLSv1.2": "TLS 1.2",
    TCP: "TCP",
    Unix: "a Unix socket",
    httpProxy: "TLS through a proxy",
    httpsProxy: "TLS in TLS to a proxy"
  }
  for (const way of ["TLSv1.3", "TLSv1.2", "TCP", "Unix", "httpProxy", "httpsProxy"] as const) {
    for (const shape of shapes) {
      it.scopedLive(
        `accepts at most ${shape.concurrency} connections over ${names[way]} for ${shape.concurrency} requests at once: ${shape.name}`,
        () =>
          Effect.gen(function* () {
            const { accepted } = yield* Peer
            const before = yield* accepted(way)
            yield* load(yield* sessionBy(way), yield* urlBy(way, shape.path), shape)
            assert.isAtMost((yield* accepted(way)) - before, shape.concurrency)
          }).pipe(withPeer),
        60_000
      )
    }
  }
})
