/**
 * Requests with their signals, recorded by a collector and by listeners.
 */
import * as Http from "node:http"
import { Effect, type Exit, type Scope } from "effect"
import { type Connector, Errors, Session, Tracing } from "effect-http-session"

/** The abbreviations of the reference on aiohttp's behaviour. */
const short: { readonly [tag: string]: string } = {
  RequestStart: "start",
  RequestEnd: "end",
  RequestException: "exc",
  RequestRedirect: "redir",
  RequestHeadersSent: "hs",
  RequestChunkSent: "cs",
  ResponseChunkReceived: "cr",
  ConnectionQueuedStart: "qs",
  ConnectionQueuedEnd: "qe",
  ConnectionCreateStart: "ccs",
  ConnectionCreateEnd: "cce",
  ConnectionReuseconn: "reuse",
  DnsCacheMiss: "miss",
  DnsCacheHit: "hit",
  DnsResolveHostStart: "rs",
  DnsResolveHostEnd: "re"
}

/** The signals that aiohttp has, as abbreviations. */
export const flowOf = (signals: Iterable<Tracing.Signal>): string =>
  Array.from(signals, ({ _tag }) => short[_tag] ?? "")
    .filter((name) => name !== "")
    .join(" ")

/** The tags of all signals. */
export const tagsOf = (signals: Iterable<Tracing.Signal>): ReadonlyArray<string> =>
  Array.from(signals, ({ _tag }) => _tag)

const names = [
  "RequestStart",
  "RequestHeadersSent",
  "RequestChunkSent",
  "ResponseChunkReceived",
  "ResponseInformational",
  "RequestRedirect",
  "RequestRetry",
  "RequestEnd",
  "RequestException",
  "ResponseEnd",
  "CookieRejected",
  "ConnectionQueuedStart",
  "ConnectionQueuedEnd",
  "ConnectionCreateStart",
  "ConnectionCreateEnd",
  "ConnectionReuseconn",
  "ConnectionReleased",
  "ConnectionClosed",
  "DnsResolveHostStart",
  "DnsResolveHostEnd",
  "DnsCacheHit",
  "DnsCacheMiss",
  "TlsHandshakeStart",
  "TlsHandshakeEnd",
  "TlsCertificateExpiring",
  "ProxyConnectStart",
  "ProxyConnectEnd"
] as const

/** A trace config that listens to all signals. */
export const listenToAll = (listener: (signal: Tracing.Signal, ctx: unknown) => Effect.Effect<void>) => {
  const listeners: Tracing.Listeners<unknown> = Object.fromEntries(
    names.map((name) => [
      `on${name}`,
      (_session: unknown, ctx: unknown, signal: Tracing.Signal) => listener(signal, ctx)
    ])
  )
  return Tracing.traceConfig({ ctx: (given): unknown => given, ...listeners })
}

/** Runs an effect with a session, and returns its outcome with the signals of its requests. */
export type Recorder = <A, E>(
  effect: Effect.Effect<A, E, Scope.Scope>
) => Effect.Effect<readonly [exit: Exit.Exit<A, E>, signals: ReadonlyArray<Tracing.Signal>]>

export interface Way {
  readonly name: string
  /** The listeners that the session needs for it. */
  readonly run: <A>(
    options: Session.LayerOptions,
    f: (session: Session.SessionService, record: Recorder) => Effect.Effect<A, unknown, Scope.Scope>
  ) => Effect.Effect<A, unknown>
}

const within = <A>(
  options: Session.LayerOptions,
  f: (session: Session.SessionService) => Effect.Effect<A, unknown, Scope.Scope>
) => Effect.provide(Effect.scoped(Effect.flatMap(Session.Session, f)), Session.layer(options))

/** Without listeners, on the fast path, and with them, on the slower one: both must report the same. */
export const ways: ReadonlyArray<Way> = [
  {
    name: "collected",
    run: (options, f) =>
      within(options, (session) => f(session, (effect) => Tracing.collect(Effect.exit(Effect.scoped(effect)))))
  },
  {
    name: "listened to",
    run: (options, f) => {
      const received = new Map<unknown, Array<Tracing.Signal>>()
      const config = listenToAll((signal, ctx) =>
        Effect.sync(() => {
          const list = received.get(ctx)
          if (list === undefined) received.set(ctx, [signal])
          else list.push(signal)
        })
      )
      let calls = 0
      return within({ ...options, traceConfigs: [config, ...(options.traceConfigs ?? [])] }, (session) =>
        f(session, (effect) => {
          const key = `call ${++calls}`
          return Effect.exit(Effect.scoped(effect)).pipe(
            Session.withRequestOptions({ traceRequestCtx: key }),
            Effect.map((exit) => [exit, received.get(key) ?? []] as const)
          )
        })
      )
    }
  }
]

/** A server of node:http with the given handler. */
export const webServer = (
  routes: (request: Http.IncomingMessage, response: Http.ServerResponse) => void
): Effect.Effect<{ readonly port: number }, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<{ readonly server: Http.Server; readonly port: number }>((resume) => {
      const server = Http.createServer(routes)
      server.keepAliveTimeout = 60_000
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed({ server, port: typeof address === "object" && address !== null ? address.port : 0 }))
      })
    }),
    ({ server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

/** Resolves every name to the loopback, and fails "nowhere.test". */
export const loopback: NonNullable<Connector.TcpOptions["resolver"]> = {
  resolve: (host) =>
    host === "nowhere.test"
      ? Effect.fail(new Errors.ClientConnectorDNSError({ host, code: "ENOTFOUND", phase: "dns" }))
      : Effect.succeed([{ address: "127.0.0.1", family: 4 }])
}
