/**
 * Server-sent events (HTML section 9.2).
 *
 * ```ts
 * import { Schema, Stream } from "effect"
 * import { Sse } from "effect-http-session"
 *
 * export const prices = Sse.connect("https://example.com/prices", { idleTimeout: "30 seconds" }).pipe(
 *   Sse.decode({ price: Schema.parseJson(Schema.Struct({ amount: Schema.Number })) }),
 *   Stream.map((event) => event.data.amount)
 * )
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Method, RequestOptions, UrlInput } from "./ClientRequest.js"
import type { ClientError } from "./Errors.js"
import { collect } from "./internal/effect/streams.js"
import { Session } from "./Session.js"

/**
 * One event.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  /** The type of the event; "message" if the server sends none. */
  readonly event: string
  readonly data: string
  /** The last event id that the server has sent so far. */
  readonly id: Option.Option<string>
}

/**
 * Options of `connect`, in addition to those of a request.
 *
 * @since 0.1.0
 * @category options
 */
export interface ConnectOptions extends RequestOptions {
  /** The method of each request. Default "GET". */
  readonly method?: Method | undefined
  /** The value of Last-Event-ID in the first request. Default: none. */
  readonly lastEventId?: string | undefined
  /**
   * How long the connection may be silent before it fails with `SocketTimeoutError`; a comment counts as activity.
   * Default "1 minute". Replaces `timeout.body` of the request.
   */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /**
   * When to reconnect after the connection breaks. The schedule receives the error, and starts over after each event.
   * When the schedule ends, the stream fails with the error, or ends if the server ended the response normally. `false`
   * never reconnects. Default: after the `retry` time of the server (at most an hour), else after 3 seconds, any number
   * of times; for methods that are not idempotent, `false`.
   */
  readonly reconnect?: Schedule.Schedule<unknown, ClientError> | false | undefined
  /** Maximum size of one event or line in bytes. Default 1 MiB. */
  readonly maxEventSize?: number | undefined
}

/**
 * Streams server-sent events and reconnects when the connection breaks; Last-Event-ID lets the server continue after
 * the last event. `timeout.total` is off by default. The stream ends on status 204. It fails with `ClientResponseError`
 * on statuses other than 200, and with `ContentTypeError` on media types other than text/event-stream; the error
 * contains the beginning of the body, such as the JSON error of an API. A response without a Content-Type is read as
 * events.
 *
 * It reconnects if the connection fails, breaks or is silent, and if the response is truncated or ends. Other errors
 * fail the stream at once, including `ClientPayloadError` for an event or line larger than `maxEventSize`. Ending the
 * stream early closes the connection.
 *
 * @since 0.1.0
 * @category constructors
 */
export const connect = (url: UrlInput, options: ConnectOptions = {}): Stream.Stream<Event, ClientError, Session> =>
  Stream.unwrap(Effect.map(Session, (session) => session.sse(url, options)))

/**
 * Schemas by event name, for the text of `data`. For JSON, use `Schema.parseJson(…)`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Schemas {
  readonly [event: string]: Schema.Schema.Any & { readonly Encoded: string }
}

/**
 * The events that `decode` returns for `schemas`.
 *
 * @since 0.1.0
 * @category models
 */
export type Decoded<S extends Schemas> = {
  readonly [K in keyof S]: {
    readonly event: K
    readonly data: Schema.Schema.Type<S[K]>
    readonly id: Option.Option<string>
  }
}[keyof S]

/**
 * Decodes the events that have a schema and drops all others. Fails with `ParseError` if data does not match its
 * schema.
 *
 * @since 0.1.0
 * @category combinators
 */
export const decode = <const S extends Schemas>(
  schemas: S
): (<E, R>(
  self: Stream.Stream<Event, E, R>
) => Stream.Stream<Decoded<S>, E | ParseError, R | Schema.Schema.Context<S[keyof S]>>) => {
  const decoders = new Map<string, Decoder<S>>()
  for (const event of Object.keys(schemas)) decoders.set(event, decoderOf(schemas, event))
  return (self) =>
    Stream.mapEffect(
      collect(self, (event) => decoders.get(event.event)?.(event)),
      (decoded) => decoded
    )
}

type Decoder<S extends Schemas> = (
  event: Event
) => Effect.Effect<Decoded<S>, ParseError, Schema.Schema.Context<S[keyof S]>>

const decoderOf = <S extends Schemas, K extends keyof S & string>(schemas: S, name: K): Decoder<S> => {
  const parse = Schema.decodeUnknown(Schema.asSchema<S[keyof S]>(schemas[name]))
  return ({ data, id }) => Effect.map(parse(data), (decoded) => ({ event: name, data: decoded, id }))
}
