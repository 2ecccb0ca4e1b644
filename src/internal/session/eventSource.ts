/**
 * An event stream that outlives its connections (HTML section 9.2.3).
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Method, RequestOptions } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, InvalidRequest, ServerDisconnectedError } from "../../Errors.js"
import type { ConnectOptions, Event } from "../../Sse.js"
import { isIdempotent, retryability } from "../errors/retryability.js"
import { checkField } from "../http/headerFields.js"
import { toTimeouts } from "../limits.js"
import { own } from "../ownOptions.js"
import { type Pull, pulled } from "../pullStream.js"
import { redactUrl } from "../redact.js"
import { mergeOptions } from "../request/mergeOptions.js"
import { EventDecoder } from "../response/body/eventDecoder.js"
import { Response } from "../response/response.js"

/** How a session sends one of its requests. */
export type Send = (method: Method, options: RequestOptions) => Effect.Effect<ClientResponse, ClientError, Scope.Scope>

/** Milliseconds. */
const defaultRetry = 3000
const maxRetry = 60 * 60 * 1000
/** However short a server says: whoever ends each stream at once is not asked without end. */
const minRetry = 100

const mediaType = "text/event-stream"

/** One connection, read bit by bit. */
interface Reading {
  readonly scope: Scope.CloseableScope
  readonly pull: Pull<Event, ClientError>
  readonly response: ClientResponse
}

/** What waits before the next attempt; `false`: there is none. */
interface Pause {
  readonly after: (error: ClientError) => Effect.Effect<boolean>
  /** An event has come. */
  readonly reset: Effect.Effect<void>
}

/** Whether another attempt may mend it. */
const isBreak = (error: ClientError): boolean =>
  error._tag !== "ClientResponseError" && error._tag !== "TotalTimeoutError" && retryability(error) !== "never"

/** A good end of a response is a break as well; the schedule hears of it like this. */
const endOf = (response: ClientResponse): ServerDisconnectedError =>
  new ServerDisconnectedError({
    method: response.method,
    url: redactUrl(response.url),
    phase: "body",
    reused: response.connection.reused,
    received: 0
  })

const pauseOf = (options: ConnectOptions, method: Method, retry: () => number | undefined): Effect.Effect<Pause> => {
  const { reconnect } = options
  if (reconnect === false || (reconnect === undefined && !isIdempotent(method.toUpperCase()))) {
    return Effect.succeed({ after: () => Effect.succeed(false), reset: Effect.void })
  }
  if (reconnect === undefined) {
    const after = () => Effect.as(Effect.sleep(Math.min(maxRetry, Math.max(minRetry, retry() ?? defaultRetry))), true)
    return Effect.succeed({ after, reset: Effect.void })
  }
  return Effect.map(Schedule.driver(reconnect), (driver) => ({
    after: (error) => Effect.match(driver.next(error), { onFailure: () => false, onSuccess: () => true }),
    reset: driver.reset
  }))
}

/** What outlives a connection. */
interface State {
  retry: number | undefined
  /** As the caller gave it, or the server, which may have given one that no header can hold. */
  lastEventId: string | undefined
}

class EventSource {
  private readonly send: Send
  private readonly options: ConnectOptions
  private readonly method: Method
  private readonly pause: Pause
  private readonly state: State
  private reading: Reading | undefined = undefined
  private ended = false
  private fresh = true

  constructor(send: Send, options: ConnectOptions, method: Method, pause: Pause, state: State) {
    this.send = send
    this.options = options
    this.method = method
    this.pause = pause
    this.state = state
  }

  /** The next events; one pull at a time. */
  readonly pull: Pull<Event, ClientError> = Effect.suspend(() => {
    if (this.ended) return Effect.fail(Option.none())
    return this.reading === undefined ? this.connect : this.read(this.reading)
  })

  /** Gives back whatever is open. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { reading } = this
    this.reading = undefined
    return reading === undefined ? Effect.void : Scope.close(reading.scope, Exit.void)
  })

  private readonly connect: Pull<Event, ClientError> = Effect.suspend(() =>
    Effect.matchEffect(this.open, {
      onFailure: (error) => this.broken(error, false),
      onSuccess: (opened) => {
        if (opened) return this.pull
        this.ended = true
        return Effect.fail(Option.none())
      }
    })
  )

  private read(reading: Reading): Pull<Event, ClientError> {
    return Effect.matchEffect(reading.pull, {
      onFailure: (end) =>
        Effect.zipRight(
          this.close,
          Option.isSome(end) ? this.broken(end.value, false) : this.broken(endOf(reading.response), true)
        ),
      onSuccess: (events) => {
        if (!this.fresh || events.length === 0) return Effect.succeed(events)
        this.fresh = false
        return Effect.as(this.pause.reset, events)
      }
    })
  }

  /** Waits and goes on, or ends. `whole`: the server had ended the response in good order. */
  private broken(error: ClientError, whole: boolean): Pull<Event, ClientError> {
    if (!whole && !isBreak(error)) return Effect.fail(Option.some(error))
    this.fresh = true
    return Effect.flatMap(this.pause.after(error), (again) => {
      if (again) return this.pull
      this.ended = true
      return Effect.fail(whole ? Option.none() : Option.some(error))
    })
  }

  /** `false`: the server has nothing more to tell. */
  private readonly open: Effect.Effect<boolean, ClientError> = Effect.suspend(() =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) =>
        Effect.matchCauseEffect(restore(Scope.extend(this.request, scope)), {
          onFailure: (cause) => Effect.zipRight(Scope.close(scope, Exit.void), Effect.failCause(cause)),
          onSuccess: (opened) => {
            if (opened === undefined) return Effect.as(Scope.close(scope, Exit.void), false)
            this.reading = { scope, ...opened }
            return Effect.succeed(true)
          }
        })
      )
    )
  )

  private get request(): Effect.Effect<Omit<Reading, "scope"> | undefined, ClientError, Scope.Scope> {
    return Effect.flatMap(this.send(this.method, this.requestOptions), (response) =>
      Effect.flatMap(judge(response), (events) =>
        events
          ? Effect.map(Stream.toPull(this.eventsOf(response)), (pull) => ({ response, pull }))
          : Effect.succeed(undefined)
      )
    )
  }

  private get requestOptions(): RequestOptions {
    const { idleTimeout, lastEventId: given, maxEventSize: __, method: ___, reconnect: ____, ...options } = this.options
    const timeouts = toTimeouts(options.timeout)
    const { lastEventId } = this.state
    const unsayable = lastEventId !== given && checkField("Last-Event-ID", lastEventId) !== undefined
    return mergeOptions(
      { headers: { Accept: mediaType, "Cache-Control": "no-cache" } },
      {
        ...options,
        ...(lastEventId === undefined || unsayable
          ? undefined
          : mergeOptions({ headers: options.headers }, { headers: { "Last-Event-ID": lastEventId } })),
        raiseForStatus: false,
        timeout: {
          ...timeouts,
          total: timeouts.total ?? Infinity,
          body: idleTimeout ?? timeouts.body ?? "1 minute"
        }
      }
    )
  }

  private eventsOf(response: ClientResponse): Stream.Stream<Event, ClientError> {
    const { state } = this
    if (!(response instanceof Response)) {
      return Stream.tap(response.events, ({ id }) =>
        Effect.sync(() => {
          state.lastEventId = Option.getOrUndefined(id)
        })
      )
    }
    return response.eventsBy(
      () =>
        new EventDecoder({
          maxEventSize: this.options.maxEventSize,
          lastEventId: state.lastEventId,
          onRetry: (millis) => {
            state.retry = millis
          },
          onId: (id) => {
            state.lastEventId = id
          }
        })
    )
  }
}

/** Whether events come; `false` is 204. */
const judge = (response: ClientResponse): Effect.Effect<boolean, ClientError> => {
  if (response.status === 204) return Effect.succeed(false)
  return response.status === 200 ? Effect.succeed(true) : raise(response)
}

const raise = (response: ClientResponse): Effect.Effect<never, ClientError> =>
  response instanceof Response
    ? response.raise
    : Effect.zipRight(
        response.raiseForStatus,
        Effect.dieMessage(`Sse.connect: a response of status ${response.status} that is not this package's`)
      )

const checked = (options: ConnectOptions): Effect.Effect<ConnectOptions, InvalidRequest> =>
  options.maxEventSize !== undefined && !(options.maxEventSize >= 1)
    ? Effect.fail(new InvalidRequest({ option: "maxEventSize", description: "it is not a number from 1 on" }))
    : Effect.succeed(options)

export const eventSource = (send: Send, given: ConnectOptions): Stream.Stream<Event, ClientError> => {
  const method = given.method ?? "GET"
  const acquire = Effect.flatMap(checked(own(given)), (options) => {
    const state: State = {
      retry: undefined,
      lastEventId: options.lastEventId === "" ? undefined : options.lastEventId
    }
    return Effect.map(
      pauseOf(options, method, () => state.retry),
      (pause) => new EventSource(send, options, method, pause, state)
    )
  })
  return Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(acquire, (source) => source.close),
      (source) => pulled(source.pull)
    )
  )
}
