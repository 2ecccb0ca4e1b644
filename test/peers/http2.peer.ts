/**
 * HTTP/2 against servers that others wrote: 10,000 mixed requests each, 50 at a time.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, type Scope, Stream } from "effect"
import { ClientResponse, Connector, CookieJar, type Errors, Session, Ssl } from "effect-http-session"
import { standard } from "../support/certificates.js"
import * as Servers from "./http2Servers.js"

const total = Number(process.env.HTTP2_REQUESTS ?? 10_000)

/** The number for a server that takes a millisecond or more for each request. */
const fewer = total / 10

const openSession = Effect.gen(function* () {
  const { ca } = yield* standard()
  const connector = yield* Connector.tcp({ http2: { mode: "require" }, ssl: yield* Ssl.context({ ca }) })
  const session = yield* Session.make({ timeout: "60 seconds" }).pipe(
    Effect.provideService(Connector.Connector, connector),
    Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
  )
  return { connector, session }
})

type Task = (
  session: Session.SessionService,
  url: string,
  id: string
) => Effect.Effect<void, Errors.ClientError | string, Scope.Scope>

const expect = (what: string, got: unknown, wanted: unknown) =>
  got === wanted ? Effect.void : Effect.fail(`${what}: expected ${String(wanted)}, got ${String(got)}`.slice(0, 300))

const large = "0123456789abcdef".repeat(12_500)

const bytesOf = (size: number): Uint8Array => Buffer.alloc(size, "abcdefghijklmnopqrstuvwxyz")

const streamOf = (size: number, length?: number) =>
  HttpBody.stream(Stream.fromIterable(Array.from({ length: 10 }, () => bytesOf(size / 10))), undefined, length)

const get =
  (path: string, wanted: (id: string) => string): Task =>
  (session, url, id) =>
    session
      .get(`${url}/${path}?${id}`)
      .pipe(
        ClientResponse.use((response) =>
          Effect.flatMap(response.text, (text) =>
            Effect.zipRight(expect("version", response.version, "2"), expect(path, text, wanted(id)))
          )
        )
      )

const upload =
  (path: string, data: () => Uint8Array | HttpBody.HttpBody, wanted: string): Task =>
  (session, url, id) =>
    session.post(`${url}/${path}`, { data: data(), headers: { "x-id": id } }).pipe(
      ClientResponse.text,
      Effect.flatMap((text) => expect(path, text, wanted))
    )

const text = (size: number) => Buffer.from(bytesOf(size)).toString()
const pieces = Array.from({ length: 20 }, (_, index) => `piece ${20 - index}\n`).join("")

const calm: ReadonlyArray<Task> = [
  get("small", (id) => `small ${id}`),
  get("small", (id) => `small ${id}`),
  get("large", () => large),
  get("pieces", () => pieces),
  get("gzip", () => "zipped text ".repeat(1000)),
  get("missing", () => "not found"),
  (session, url, id) =>
    session
      .head(`${url}/small?${id}`)
      .pipe(
        ClientResponse.use((response) =>
          Effect.flatMap(response.text, (body) => expect("HEAD", `${response.status} ${body}`, "200 "))
        )
      ),
  (session, url) =>
    session.get(`${url}/nothing`).pipe(ClientResponse.use((response) => expect("nothing", response.status, 204))),
  upload("length", () => bytesOf(100), "100"),
  upload("length", () => bytesOf(100_000), "100000"),
  upload("length", () => streamOf(50_000), "50000"),
  upload("echo", () => bytesOf(1000), text(1000)),
  upload("echo", () => streamOf(50_000, 50_000), Array.from({ length: 10 }, () => text(5000)).join(""))
]

/** Interrupted with its response or before it. */
const interrupted: Task = (session, url, id) =>
  session.get(`${url}/large?${id}`).pipe(ClientResponse.bytes, Effect.timeoutOption("3 millis"), Effect.asVoid)

const shared: ReadonlyArray<Task> = [...calm, interrupted]

const ofNode: ReadonlyArray<Task> = [
  ...shared,
  get("hints", (id) => `hinted ${id}`),
  (session, url, id) =>
    session.get(`${url}/trailers?${id}`).pipe(
      ClientResponse.use((response) =>
        Effect.gen(function* () {
          yield* expect("trailers", yield* response.text, "with trailers")
          const trailers = yield* response.trailers
          yield* expect("x-checked", trailers["x-checked"], id)
        })
      )
    )
]

const ofFiles: ReadonlyArray<Task> = [
  get("small", () => "small "),
  get("large", () => large),
  (session, url) =>
    session.get(`${url}/none`).pipe(ClientResponse.use((response) => expect("none", response.status, 404))),
  upload("echo", () => bytesOf(1000), text(1000)),
  upload("echo", () => bytesOf(100_000), text(100_000)),
  upload("echo", () => streamOf(50_000), Array.from({ length: 10 }, () => text(5000)).join("")),
  interrupted
]

/** Runs tasks in turn, and checks that the connector is idle afterwards. Returns the failures, by the index of their request. */
const runMixed = (session: Session.SessionService, url: string, tasks: ReadonlyArray<Task>, count: number) =>
  Effect.gen(function* () {
    const failed = new Map<number, Errors.ClientError | string>()
    yield* Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      (index) =>
        Effect.scoped(tasks[index % tasks.length](session, url, `r${index}`)).pipe(
          Effect.catchAll((error) => Effect.sync(() => failed.set(index, error)))
        ),
      { concurrency: 50, discard: true }
    )
    const { stats } = session.connector
    const settled = yield* stats.pipe(
      Effect.repeat({
        until: ({ acquired, waiting }) => acquired === 0 && waiting === 0,
        schedule: Schedule.spaced("5 millis")
      }),
      Effect.zipRight(stats)
    )
    assert.deepInclude(settled, { acquired: 0, waiting: 0, connecting: 0, streams: 0 })
    return failed
  })

const mixed = (url: string, tasks: ReadonlyArray<Task>, count = total) =>
  Effect.gen(function* () {
    const { session } = yield* openSession
    const failed = yield* runMixed(session, url, tasks, count)
    const shown = [...failed].slice(0, 5).map(([index, error]) => `${index % tasks.length}: ${String(error)}`)
    assert.deepStrictEqual(shown, [], `${failed.size} of ${count} failed`)
    return session
  })

/** The first task of `calm` that no client may do a second time. */
const firstUpload = calm.length - 5

/** Whether the server may have acted on a POST before its connection ended, so that no client may send it again. */
const mayBeLost = (task: number, error: Errors.ClientError | string): boolean =>
  task >= firstUpload &&
  typeof error !== "string" &&
  (error._tag === "ServerDisconnectedError" || error._tag === "ClientOSError")

/** No request with an id came to the origin twice. */
const once = (session: Session.SessionService, url: string) =>
  session.get(`${url}/deliveries`).pipe(
    ClientResponse.text,
    Effect.map((body) => assert.match(body, /^\{"count":[1-9]\d+,"twice":\[\]\}$/))
  )

describe("HTTP/2", () => {
  const servers: ReadonlyArray<
    readonly [
      name: string,
      server: Effect.Effect<Servers.Http2Peer, never, Scope.Scope>,
      tasks: ReadonlyArray<Task>,
      count?: number
    ]
  > = [
    ["nginx", Servers.nginx(), shared],
    ["nginx with keepalive_requests 100", Servers.nginx("keepalive_requests 100;"), shared],
    ["nginx with 4 streams", Servers.nginx("http2_max_concurrent_streams 4;"), shared],
    // Apache 2.4.71 ends a connection if it is about to answer a stream that the client has reset, also with H2MaxStreamErrors 0.
    ["Apache httpd", Servers.apache, calm],
    ["HAProxy", Servers.haproxy, shared],
    ["nghttpx", Servers.nghttpx, shared],
    ["Caddy", Servers.caddy, shared],
    ["h2o", Servers.h2o, shared],
    ["Hypercorn", Servers.hypercorn, shared, fewer],
    ["node:http2 on Node 20", Servers.nodeHttp2(20), ofNode],
    ["node:http2 on Node 22", Servers.nodeHttp2(22), ofNode],
    ["node:http2 on Node 24", Servers.nodeHttp2(24), ofNode]
  ]
  for (const [name, server, tasks, count = total] of servers) {
    it.scopedLive(
      `${name} serves ${count} mixed requests, each POST once`,
      () =>
        Effect.gen(function* () {
          const { url } = yield* server
          const session = yield* mixed(url, tasks, count)
          yield* once(session, url)
        }),
      600_000
    )
  }

  it.scopedLive(
    `nghttpd serves ${total} mixed requests with trailers`,
    () =>
      Effect.gen(function* () {
        const { url } = yield* Servers.nghttpd
        const session = yield* mixed(url, ofFiles)
        const trailers = yield* session
          .get(`${url}/small`)
          .pipe(ClientResponse.use((response) => Effect.zipRight(response.text, response.trailers)))
        assert.deepInclude(trailers, { "x-checked": "yes" })
      }),
    600_000
  )

  // Not Apache: after a graceful restart its log has "The user callback function failed", and it cuts bodies.
  for (const [name, server, signal] of [
    ["nginx", Servers.nginx(), "SIGHUP"],
    ["HAProxy", Servers.haproxy, "SIGUSR2"]
  ] as const) {
    it.scopedLive(
      `${name} loses none of ${total} mixed requests that may be sent again while it reloads, and gets each POST once`,
      () =>
        Effect.gen(function* () {
          const { pid, url } = yield* server
          const { session } = yield* openSession
          let reloads = 0
          const reloading = Effect.forever(
            Effect.zipRight(
              Effect.sleep("500 millis"),
              Effect.sync(() => {
                reloads++
                process.kill(pid, signal)
              })
            )
          )
          const failed = yield* Effect.raceFirst(runMixed(session, url, calm, total), reloading)
          const lost = [...failed].filter(([index, error]) => !mayBeLost(index % calm.length, error))
          const shown = lost.slice(0, 5).map(([index, error]) => `${index % calm.length}: ${String(error)}`)
          assert.deepStrictEqual(shown, [], `${lost.length} of ${total} were lost in ${reloads} reloads`)
          assert.isAtLeast(reloads, 2)
          yield* once(session, url)
        }),
      600_000
    )
  }
})
