/**
 * Connections under concurrency, against servers in another process: a connection whose exchange went well serves the
 * next request, so there are never more connections than requests at once.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, type Scope, Stream } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Session from "effect-http-session/Session"
import { standard } from "../support/certificates.js"
import { program } from "../support/child.js"
import { trusting } from "../support/proxied.js"

type Way = "TLSv1.2" | "TLSv1.3" | "TCP" | "Unix"

interface Peer {
  readonly ports: Readonly<Record<Way, number>>
  readonly socket: string
  /** Connections that the server has accepted so far. */
  readonly accepted: (way: Way) => Effect.Effect<number>
}

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reuse-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const peer: Effect.Effect<Peer, never, Scope.Scope> = Effect.gen(function* () {
  const { good } = yield* standard()
  const socket = join(yield* directory, "s")
  const ready = yield* Deferred.make<string>()
  yield* program("keepAliveServer", [], {
    env: { CERT: good.cert, KEY: good.key, SOCKET: socket },
    onOutput: (text) => {
      if (text.endsWith("\n")) Deferred.unsafeDone(ready, Effect.succeed(text))
    }
  })
  const ports: Peer["ports"] & { readonly control: number } = JSON.parse(yield* Deferred.await(ready))
  const accepted = Effect.promise(() => fetch(`http://127.0.0.1:${ports.control}/`).then((answer) => answer.json()))
  return { ports, socket, accepted: (way) => Effect.map(accepted, (counts) => counts[way]) }
})

/** No connection is closed because it is idle: the machine may be slow. */
const patient = { keepaliveTimeout: "10 minutes" } as const

const sessionOver = (connector: Effect.Effect<Connector.ConnectorService, never, Scope.Scope>) =>
  Session.make({ timeout: Infinity }).pipe(
    Effect.provideServiceEffect(Connector.Connector, connector),
    Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
  )

const sessionTo = (at: Peer, way: Way) =>
  Effect.flatMap(trusting, (ssl) =>
    sessionOver(way === "Unix" ? Connector.unix({ path: at.socket, ...patient }) : Connector.tcp({ ssl, ...patient }))
  )

const urlOf = (at: Peer, way: Way, path = "/") =>
  way === "Unix" ? `http://unix.test${path}` : `${way === "TCP" ? "http" : "https"}://127.0.0.1:${at.ports[way]}${path}`

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
  { name: "GET", method: "GET", requests: 600, concurrency: 10, options: () => ({}), answer: "GET 0" },
  { name: "HEAD", method: "HEAD", requests: 300, concurrency: 10, options: () => ({}), answer: "" },
  { name: "204", method: "GET", requests: 300, concurrency: 10, options: () => ({}), answer: "", path: "/204" },
  { name: "304", method: "GET", requests: 300, concurrency: 10, options: () => ({}), answer: "", path: "/304" },
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
    requests: 300,
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
    requests: 300,
    concurrency: 10,
    options: () => ({ data: streamOf(5, 1000)() }),
    answer: "POST 5000"
  },
  {
    name: "POST of a stream with a length",
    method: "POST",
    requests: 300,
    concurrency: 10,
    options: () => ({ data: streamOf(5, 100_000, 500_000)() }),
    answer: "POST 500000"
  },
  {
    name: "POST that waits for 100 Continue",
    method: "POST",
    requests: 300,
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

describe("a server in another process", () => {
  for (const way of ["TLSv1.3", "TLSv1.2", "TCP", "Unix"] as const) {
    for (const shape of shapes) {
      it.scopedLive(
        `accepts at most ${shape.concurrency} connections over ${way} for ${shape.requests} requests at ${shape.concurrency}: ${shape.name}`,
        () =>
          Effect.gen(function* () {
            const at = yield* peer
            const session = yield* sessionTo(at, way)
            yield* load(session, urlOf(at, way, shape.path), shape)
            assert.isAtMost(yield* at.accepted(way), shape.concurrency)
          }),
        60_000
      )
    }
  }
})
