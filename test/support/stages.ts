/**
 * Requests that stay in one phase, with an effect that waits until they have reached it.
 */
import { Chunk, Deferred, Effect, type Scope, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Connector from "effect-http-session/Connector"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import type * as Timeouts from "effect-http-session/Timeouts"
import { blackHole } from "./listeners.js"
import * as Server from "./server.js"
import { sessionOn } from "./session.js"
import { turns, until } from "./wait.js"

export { sessionOn, turns, until }

/** A request that stays in its phase. */
export interface Stage {
  readonly session: Session.SessionService
  readonly connector: Connector.ConnectorService
  readonly servers: ReadonlyArray<Server.Server>
  /** The request, to the end of its body. */
  readonly request: (timeout?: Timeouts.Input) => Effect.Effect<unknown, ClientError>
  /** Resolves when the request has reached its phase. */
  readonly waiting: Effect.Effect<void>
  /** Lets servers see that the peer has disconnected. */
  readonly thaw: Effect.Effect<void>
}

export interface StageOptions {
  readonly connector?: Connector.TcpOptions | undefined
  readonly session?: Session.SessionOptions | undefined
}

type MakeStage = (options?: StageOptions) => Effect.Effect<Stage, never, Scope.Scope>

const stats = (connector: Connector.ConnectorService) => Effect.runSync(connector.stats)

const whole = (
  session: Session.SessionService,
  url: string,
  options: Parameters<Session.SessionService["get"]>[1] & { readonly timeout: Timeouts.Input | undefined }
) => session.get(url, options).pipe(ClientResponse.text)

/** A stage of a server that has read so many bytes. */
const served =
  (
    scheme: "http" | "https",
    play: (peer: Server.Peer, reached: Effect.Effect<void>) => Effect.Effect<void>
  ): MakeStage =>
  (options = {}) =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const at = yield* Server.always((peer) => play(peer, Effect.asVoid(Deferred.succeed(reached, undefined))))
      const { connector, session } = yield* sessionOn(options.connector, options.session)
      return {
        session,
        connector,
        servers: [at],
        request: (timeout) => whole(session, `${scheme}://127.0.0.1:${at.port}/`, { timeout, ssl: false }),
        // The client has written the bytes that the server read; its callbacks run in the next turns.
        waiting: Effect.zipRight(Deferred.await(reached), turns(3)),
        thaw: Effect.void
      }
    })

const queue: MakeStage = (options = {}) =>
  Effect.gen(function* () {
    const held = yield* Deferred.make<void>()
    const at = yield* Server.always((peer) =>
      Effect.zipRight(peer.head, Effect.zipRight(Deferred.succeed(held, undefined), Server.stall(peer)))
    )
    const { connector, session } = yield* sessionOn({ ...options.connector, limit: 1 }, options.session)
    const holder = whole(session, `${at.url}/holder`, {
      timeout: { total: Infinity, connect: Infinity, send: Infinity, headers: Infinity, body: Infinity }
    })
    return {
      session,
      connector,
      servers: [at],
      request: (timeout) =>
        Effect.raceFirst(
          Effect.zipRight(Deferred.await(held), whole(session, `${at.url}/waiter`, { timeout })),
          Effect.zipRight(Effect.ignore(holder), Effect.never)
        ),
      waiting: until(() => stats(connector).waiting === 1),
      thaw: Effect.void
    }
  })

const dns: MakeStage = (options = {}) =>
  Effect.gen(function* () {
    const asked = yield* Deferred.make<void>()
    const { connector, session } = yield* sessionOn(
      {
        ...options.connector,
        resolver: { resolve: () => Effect.zipRight(Deferred.succeed(asked, undefined), Effect.never) }
      },
      options.session
    )
    return {
      session,
      connector,
      servers: [],
      request: (timeout) => whole(session, "http://nowhere.test/", { timeout }),
      waiting: Effect.zipRight(Deferred.await(asked), turns(3)),
      thaw: Effect.void
    }
  })

const connect: MakeStage = (options = {}) =>
  Effect.gen(function* () {
    const { port } = yield* blackHole()
    const { connector, session } = yield* sessionOn(options.connector, options.session)
    return {
      session,
      connector,
      servers: [],
      request: (timeout) => whole(session, `http://127.0.0.1:${port}/`, { timeout }),
      waiting: Effect.zipRight(
        until(() => stats(connector).connecting === 1),
        turns(3)
      ),
      thaw: Effect.void
    }
  })

const proxy: MakeStage = (options = {}) =>
  Effect.gen(function* () {
    const reached = yield* Deferred.make<void>()
    const at = yield* Server.always((peer) =>
      Effect.zipRight(peer.head, Effect.zipRight(Deferred.succeed(reached, undefined), Server.stall(peer)))
    )
    const { connector, session } = yield* sessionOn(options.connector, options.session)
    return {
      session,
      connector,
      servers: [at],
      request: (timeout) => whole(session, "https://origin.test/", { timeout, proxy: at.url }),
      waiting: Effect.zipRight(Deferred.await(reached), turns(3)),
      thaw: Effect.void
    }
  })

const tls = served("https", (peer, reached) =>
  Effect.zipRight(Server.clientHello(peer), Effect.zipRight(reached, Server.stall(peer)))
)

const piece = new Uint8Array(64 * 1024)

const send: MakeStage = (options = {}) =>
  Effect.gen(function* () {
    const thawed = yield* Deferred.make<void>()
    const paused = yield* Deferred.make<void>()
    const at = yield* Server.always((peer) =>
      Server.pauseRead(peer).pipe(
        Effect.zipRight(Deferred.succeed(paused, undefined)),
        Effect.zipRight(Deferred.await(thawed)),
        Effect.zipRight(Server.resumeRead(peer)),
        Effect.zipRight(Server.stall(peer))
      )
    )
    const { connector, session } = yield* sessionOn(options.connector, options.session)
    let pulls = 0
    const endless = Stream.repeatEffect(
      Effect.sync(() => {
        pulls++
        return piece
      })
    )
    const still = (last: number, times: number): Effect.Effect<void> =>
      Effect.flatMap(turns(2), () => {
        const now = pulls
        if (now === last && now > 0) return times === 0 ? Effect.void : still(now, times - 1)
        return still(now, 20)
      })
    return {
      session,
      connector,
      servers: [at],
      request: (timeout) => session.post(`${at.url}/`, { data: endless, timeout }).pipe(ClientResponse.text),
      waiting: Effect.zipRight(
        Deferred.await(paused),
        Effect.suspend(() => still(-1, 20))
      ),
      thaw: Effect.asVoid(Deferred.succeed(thawed, undefined))
    }
  })

const headers = served("http", (peer, reached) =>
  Effect.zipRight(peer.head, Effect.zipRight(reached, Server.stall(peer)))
)

const body: MakeStage = (options = {}) =>
  Effect.gen(function* () {
    const reached = yield* Deferred.make<void>()
    const at = yield* Server.always((peer) =>
      peer.head.pipe(
        Effect.zipRight(peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\nbegin")),
        Effect.zipRight(Server.stall(peer))
      )
    )
    const { connector, session } = yield* sessionOn(options.connector, options.session)
    return {
      session,
      connector,
      servers: [at],
      request: (timeout) =>
        Stream.runCollect(
          Stream.tap(ClientResponse.stream(session.get(`${at.url}/`, { timeout })), () =>
            Deferred.succeed(reached, undefined)
          )
        ).pipe(Effect.map(Chunk.size)),
      waiting: Effect.zipRight(Deferred.await(reached), turns(3)),
      thaw: Effect.void
    }
  })

export const stages: { readonly [P in Timeouts.Phase]: MakeStage } = {
  queue,
  dns,
  connect,
  proxy,
  tls,
  send,
  headers,
  body
}

export const phases: ReadonlyArray<Timeouts.Phase> = [
  "queue",
  "dns",
  "connect",
  "proxy",
  "tls",
  "send",
  "headers",
  "body"
]
