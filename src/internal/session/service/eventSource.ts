/** An event stream that reconnects (HTML section 9.2.3). */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Method, RequestOptions } from "../../../ClientRequest.js"
import type { ClientResponse } from "../../../ClientResponse.js"
import { type ClientError, InvalidRequest, ServerDisconnectedError } from "../../../Errors.js"
import type { ConnectOptions, Event } from "../../../Sse.js"
import { type Pull, pullOf, pullStream } from "../../effect/pullStream.js"
import { driverOf } from "../../effect/schedules.js"
import { isIdempotent, retryability } from "../../errors/retryability.js"
import { checkField } from "../../http/headerFields.js"
import { toTimeouts } from "../../limits.js"
import { ownOptions } from "../../ownOptions.js"
import { noPause, type Pause, Reconnection } from "../../reconnection.js"
import { redactUrl } from "../../redact.js"
import { mergeOptions } from "../../request/mergeOptions.js"
import { EventDecoder } from "../../response/body/eventDecoder.js"
import { Response } from "../../response/response.js"

/** Sends one request of the session. */
export type Send = (method: Method, options: RequestOptions) => Effect.Effect<ClientResponse, ClientError, Scope.Scope>

/** Milliseconds before a reconnect, unless the server sends `retry`. */
const defaultRetry = 3000
/** Upper bound for `retry` fields: one hour. */
const maxRetry = 60 * 60 * 1000
/** Lower bound for `retry` fields. Prevents a busy loop with a server that ends each stream at once. */
const minRetry = 100

const mediaType = "text/event-stream"

/** One open response. */
interface Reading {
  readonly scope: Scope.CloseableScope
  readonly pull: Pull<Event, ClientError>
  readonly response: ClientResponse
}

/** Whether reconnecting may help. */
const isBreak = (error: ClientError): boolean =>
  error._tag !== "ClientResponseError" && error._tag !== "TotalTimeoutError" && retryability(error) !== "never"

/** The error that the schedule gets for a response that ended normally. */
const endOf = (response: ClientResponse): ServerDisconnectedError =>
  new ServerDisconnectedError({
    method: response.method,
    url: redactUrl(response.url),
    phase: "body",
    reused: response.connection.reused,
    received: 0
  })

const pauseOf = (
  options: ConnectOptions,
  method: Method,
  retry: () => number | undefined
): Effect.Effect<Pause<ClientError>> => {
  const { reconnect } = options
  if (reconnect === false || (reconnect === undefined && !isIdempotent(method.toUpperCase()))) {
    return Effect.succeed(noPause)
  }
  if (reconnect === undefined) {
    const after = () => Effect.as(Effect.sleep(Math.min(maxRetry, Math.max(minRetry, retry() ?? defaultRetry))), true)
    return Effect.succeed({ after, reset: Effect.void })
  }
  return driverOf(reconnect)
}

/** The state that is kept from one connection to the next. */
interface State {
  retry: number | undefined
  /** Set by the caller or the server. A server may send an id that is not a valid header value. */
  lastEventId: string | undefined
}

class EventSource extends Reconnection<Event, Reading, ClientError, ClientError> {
  private readonly send: Send
  private readonly options: ConnectOptions
  private readonly method: Method
  private readonly state: State

  constructor(send: Send, options: ConnectOptions, method: Method, pause: Pause<ClientError>, state: State) {
    super(pause)
    this.send = send
    this.options = options
    this.method = method
    this.state = state
  }

  protected override connect(): typeof this.pull {
    const opened = this.openReading(this.request, (opened, scope) =>
      Effect.succeed(opened === undefined ? undefined : { scope, ...opened })
    )
    return Effect.matchEffect(opened, {
      onFailure: (error) => this.broken(error),
      onSuccess: (reading) => (reading === undefined ? this.end(Option.none()) : this.pull)
    })
  }

  protected override read(reading: Reading): typeof this.pull {
    return Effect.matchEffect(reading.pull, {
      onFailure: (end) =>
        Effect.zipRight(
          this.close,
          Option.isSome(end) ? this.broken(end.value) : this.reconnect(endOf(reading.response), Option.none())
        ),
      onSuccess: (events) => this.deliver(events)
    })
  }

  private broken(error: ClientError): typeof this.pull {
    return isBreak(error) ? this.reconnect(error, Option.some(error)) : Effect.fail(Option.some(error))
  }

  /**
   * Sends a request and succeeds with the response and its events; `undefined` if the server asks the client to stop.
   */
  private get request(): Effect.Effect<Omit<Reading, "scope"> | undefined, ClientError, Scope.Scope> {
    return Effect.flatMap(this.send(this.method, this.requestOptions), (response) =>
      Effect.flatMap(hasEvents(response), (events) =>
        events ? Effect.map(pullOf(this.eventsOf(response)), (pull) => ({ response, pull })) : Effect.succeed(undefined)
      )
    )
  }

  private get requestOptions(): RequestOptions {
    const {
      idleTimeout,
      lastEventId: firstEventId,
      maxEventSize: __,
      method: ___,
      reconnect: ____,
      ...options
    } = this.options
    const timeouts = toTimeouts(options.timeout)
    const { lastEventId } = this.state
    const unsendable = lastEventId !== firstEventId && checkField("Last-Event-ID", lastEventId) !== undefined
    return mergeOptions(
      { headers: { Accept: mediaType, "Cache-Control": "no-cache" } },
      {
        ...options,
        ...(lastEventId === undefined || unsendable
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

/** Whether the response has events. 204 asks the client to stop; any other status than 200 fails. */
const hasEvents = (response: ClientResponse): Effect.Effect<boolean, ClientError> => {
  if (response.status === 204) return Effect.succeed(false)
  return response.status === 200 ? Effect.succeed(true) : raise(response)
}

const raise = (response: ClientResponse): Effect.Effect<never, ClientError> =>
  response instanceof Response
    ? response.raise
    : Effect.zipRight(
        response.raiseForStatus,
        Effect.dieMessage(
          `Sse.connect: expected a response of this package, got another one with status ${response.status}`
        )
      )

const validateOptions = (options: ConnectOptions): Effect.Effect<ConnectOptions, InvalidRequest> =>
  options.maxEventSize !== undefined && !(options.maxEventSize >= 1)
    ? Effect.fail(new InvalidRequest({ option: "maxEventSize", description: "expected a number from 1 on" }))
    : Effect.succeed(options)

export const eventSource = (send: Send, given: ConnectOptions): Stream.Stream<Event, ClientError> => {
  const method = given.method ?? "GET"
  const acquire = Effect.flatMap(validateOptions(ownOptions(given)), (options) => {
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
      (source) => pullStream(source.pull)
    )
  )
}
