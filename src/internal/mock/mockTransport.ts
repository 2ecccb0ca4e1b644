/** A transport without sockets. Handlers answer its requests. */

import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Scope from "effect/Scope"
import type { ClientRequest } from "../../ClientRequest.js"
import type { Counts, MockCall, MockHandler, MockRequest } from "../../Connector.js"
import { type ClientError, isClientError, SessionClosedError } from "../../Errors.js"
import { currentServices, stateOf } from "../effect/fiberState.js"
import { loadSuffixes } from "../http/publicSuffix.js"
import { showAs } from "../inspection.js"
import { peerKeyOf } from "../network/dial/peerKey.js"
import { nameOf } from "../objectNames.js"
import { atMost } from "../transport/deadlines.js"
import { noDeviations } from "../transport/deviations.js"
import { makeHub } from "../transport/signalHub.js"
import type { Connection, Exchange, Route, Transport } from "../transport/transport.js"
import { fromResponse } from "./mockAnswer.js"
import { type AnswerRequest, MockConnection, type MockOwner } from "./mockConnection.js"

/** Milliseconds that requests in flight get when the transport closes, as over a network. */
const gracefulShutdownTimeout = 5000

/** Milliseconds that the Scopes of handlers get to close after that. */
const closeTime = 1000

/** The remote address of each connection. */
const remoteAddress = "mock"

interface CallRecord {
  readonly request: ClientRequest
  status: number | undefined
}

export class MockTransport<R> implements Transport, MockOwner<R> {
  static {
    showAs(MockTransport, "MockTransport", ({ active, calls, state }) => ({
      state,
      active: active.size,
      calls: calls.length
    }))
  }

  readonly hub = makeHub()
  readonly gracefulShutdownTimeout = gracefulShutdownTimeout
  readonly context: Context.Context<R>
  readonly answer: AnswerRequest<R>
  private readonly active = new Map<MockConnection<R>, CallRecord | undefined>()
  private calls: Array<CallRecord> = []
  private state: "open" | "closing" | "closed" = "open"
  private readonly closeDone = Deferred.unsafeMake<void>(FiberId.none)
  private lastId = 0
  private onQuiet: (() => void) | undefined = undefined

  /** `context` is provided to the handlers. */
  constructor(context: Context.Context<R>, answer: AnswerRequest<R>) {
    this.context = context
    this.answer = answer
  }

  /** All requests so far, oldest first. */
  get history(): ReadonlyArray<MockCall> {
    return this.calls.map((call) => ({ ...call }))
  }

  forget(): void {
    this.calls = []
  }

  takeIdle(): undefined {
    return undefined
  }

  acquire(exchange: Exchange): Effect.Effect<Connection, ClientError> {
    return Effect.withFiberRuntime<Connection, ClientError>((fiber) => {
      if (this.state !== "open") return Effect.fail(closedError(exchange))
      const state = stateOf(fiber)
      const open = () => {
        const connection = new MockConnection(++this.lastId, this, state)
        connection.exchange = exchange
        this.active.set(connection, undefined)
        exchange.onConnection(connection)
        return connection
      }
      const { trace } = exchange
      if (trace === undefined) return Effect.sync(open)
      const { host, port } = exchange.route.origin
      return Effect.flatMap(trace.emit({ _tag: "ConnectionCreateStart", host, port }), () => {
        const connectionId = this.lastId + 1
        const facts = { host, port, connectionId, remoteAddress, failed: [], protocol: "http/1.1" } as const
        return Effect.zipRight(trace.emit({ _tag: "ConnectionCreateEnd", ...facts }), Effect.sync(open))
      })
    })
  }

  // Callbacks of the connections.

  onBegin(connection: MockConnection<R>, request: MockRequest): void {
    const call: CallRecord = { request: request.exact, status: undefined }
    this.calls.push(call)
    this.active.set(connection, call)
  }

  onAnswer(connection: MockConnection<R>, status: number): void {
    const call = this.active.get(connection)
    if (call !== undefined) call.status = status
  }

  onEnd(connection: MockConnection<R>): void {
    this.active.delete(connection)
    connection.exchange?.trace?.offer({
      _tag: "ConnectionClosed",
      connectionId: connection.id,
      reason: "ConnectionClose",
      requests: 1,
      deviations: noDeviations
    })
    if (this.active.size === 0) this.onQuiet?.()
  }

  // State and shutdown.

  stats(): Counts & { readonly perKey: ReadonlyMap<string, Counts> } {
    const perKey = new Map<string, Counts>()
    for (const { exchange } of this.active.keys()) {
      if (exchange === undefined) continue
      const { key } = exchange.route
      const active = (perKey.get(key)?.acquired ?? 0) + 1
      perKey.set(key, { ...none, acquired: active, streams: active })
    }
    return { ...none, acquired: this.active.size, streams: this.active.size, perKey }
  }

  closed(): boolean {
    return this.state !== "open"
  }

  /** The key of a peer. Requests to different mocks have different peers. */
  peerKey(route: Route): string {
    return peerKeyOf(route, ["mock", nameOf(this)], undefined)
  }

  readonly closeIdle = Effect.void
  readonly clearDnsCache = () => Effect.void
  readonly forceClose = false
  readonly http2 = false

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.state !== "open") return Deferred.await(this.closeDone)
      this.state = "closing"
      return this.waitUntilQuiet(gracefulShutdownTimeout).pipe(
        Effect.zipRight(
          Effect.sync(() => {
            this.state = "closed"
            for (const connection of [...this.active.keys()]) {
              if (connection.exchange !== undefined) connection.cut(closedError(connection.exchange))
            }
          })
        ),
        Effect.zipRight(this.waitUntilQuiet(closeTime)),
        Effect.zipRight(Effect.sync(this.hub.end)),
        Effect.zipRight(Deferred.succeed(this.closeDone, undefined)),
        Effect.asVoid,
        Effect.uninterruptible
      )
    })
  }

  private waitUntilQuiet(millis: number): Effect.Effect<void> {
    return atMost(millis, (done) => {
      this.onQuiet = done
      if (this.active.size === 0) done()
    })
  }
}

const none: Counts = { acquired: 0, idle: 0, connecting: 0, waiting: 0, streams: 0 }

const closedError = (exchange: Exchange): ClientError =>
  new SessionClosedError({ ...exchange.details(undefined), subject: "Connector" })

/** Converts the promise of a handler. If it rejects with a ClientError, the request fails with that. */
const fromPromise = (promise: Promise<Response>): Effect.Effect<Response, ClientError> =>
  Effect.catchAll(Effect.tryPromise({ try: () => promise, catch: (cause) => cause }), (cause) =>
    isClientError(cause) ? Effect.fail(cause) : Effect.die(cause)
  )

/** A transport that closes with the Scope, and provides the handlers with the services of the context. */
export const makeMockTransport = <R>(
  answer: AnswerRequest<R>
): Effect.Effect<MockTransport<R>, never, R | Scope.Scope> =>
  // Loads the list now. Loading it for a cookie with a Domain attribute would take time that no TestClock controls.
  Effect.flatMap(Effect.zipRight(loadSuffixes, currentServices<R>()), (context) =>
    Effect.acquireRelease(
      Effect.sync(() => new MockTransport(context, answer)),
      (transport) => transport.close
    )
  )

/** Answers requests by a handler. */
export const answerWithHandler =
  <R>(handler: MockHandler<R>): AnswerRequest<Exclude<R, Scope.Scope>> =>
  (request, scope) => {
    const response = Effect.suspend((): Effect.Effect<Response, ClientError, R> => {
      const result = handler(request)
      if (Effect.isEffect(result)) return result
      return result instanceof Promise ? fromPromise(result) : Effect.succeed(result)
    })
    return Effect.map(Scope.extend(response, scope), (webResponse) => fromResponse(webResponse, request.method))
  }
