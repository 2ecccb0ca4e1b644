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
import * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Method, RequestOptions, UrlInput } from "./ClientRequest.js"
import type { ClientError } from "./Errors.js"
import { eventSource } from "./internal/session/eventSource.js"
import { Session } from "./Session.js"

/**
 * One event.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  /** "message" where the server gave none. */
  readonly event: string
  readonly data: string
  /** The last id the server has sent so far. */
  readonly id: Option.Option<string>
}

/**
 * Options of `connect`, beside those of a request.
 *
 * @since 0.1.0
 * @category options
 */
export interface ConnectOptions extends RequestOptions {
  /** Default "GET". */
  readonly method?: Method | undefined
  /** Sent as Last-Event-ID with the first request. */
  readonly lastEventId?: string | undefined
  /**
   * Without a single byte, comments included, for so long the connection counts as dead: a `SocketTimeoutError`. Default
   * "1 minute". It is the request's `timeout.body`, and goes over one given there.
   */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /**
   * When to connect again after a break; it receives the error, and begins anew with each event. Where it ends, so does
   * the stream: with the error, or without one where the server had ended the response in good order. `false`: never.
   * Default: the server's `retry` (at most an hour), else 3 seconds, for as long as it takes; for methods that are not
   * idempotent, `false`.
   */
  readonly reconnect?: Schedule.Schedule<unknown, ClientError> | false | undefined
  /** Bytes of one event, and of one line. Default 1 MiB. */
  readonly maxEventSize?: number | undefined
}

/**
 * Events across reconnects, each resumed by Last-Event-ID. `timeout.total` is off unless given. Ends on 204, fails on
 * other statuses than 200 (`ClientResponseError`) and on other media types than text/event-stream (`ContentTypeError`,
 * with the beginning of the body, such as an API's error in JSON). A response without a type counts as one of events.
 *
 * A break is what a later attempt may mend: no connection, a connection that is lost or silent, a response that is cut
 * or that the server has ended. All else fails at once, an event or a line above `maxEventSize` included
 * (`ClientPayloadError`). A stream that ends early closes its connection at once.
 *
 * @since 0.1.0
 * @category constructors
 */
export const connect = (url: UrlInput, options: ConnectOptions = {}): Stream.Stream<Event, ClientError, Session> =>
  Stream.unwrap(
    Effect.map(Session, (session) =>
      eventSource((method, requestOptions) => session.request(method, url, requestOptions), options)
    )
  )

/**
 * Schemas by event name. They decode from the text of `data`: `Schema.parseJson(…)` for JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface Schemas {
  readonly [event: string]: Schema.Schema.Any & { readonly Encoded: string }
}

/**
 * The events that `decode` makes of `schemas`.
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
 * Decodes the events that have a schema and leaves out the others. Fails with `ParseError` for data that is not as its
 * schema has it.
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
      Stream.filterMap(self, (event) =>
        Option.map(Option.fromNullable(decoders.get(event.event)), (run) => run(event))
      ),
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
