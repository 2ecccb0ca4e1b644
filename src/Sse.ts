/**
 * Server-sent events.
 */
import type * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Method, RequestOptions, UrlInput } from "./ClientRequest.js"
import type { ClientError } from "./Errors.js"
import type { Session } from "./Session.js"

/** One event. */
export interface Event {
  /** "message" where the server gave none. */
  readonly event: string
  readonly data: string
  /** The last id the server has sent so far. */
  readonly id: Option.Option<string>
}

export interface ConnectOptions extends RequestOptions {
  /** Default "GET". */
  readonly method?: Method | undefined
  /** Sent as Last-Event-ID with the first request. */
  readonly lastEventId?: string | undefined
  /** Without a single byte, comments included, for so long the connection counts as dead. Default "1 minute". */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** When to connect again after a break; it receives the error. Default: the server's `retry`, else 3 seconds. */
  readonly reconnect?: Schedule.Schedule<unknown, ClientError> | false | undefined
  /** Bytes. Default 1 MiB. */
  readonly maxEventSize?: number | undefined
}

/**
 * Events across reconnects, each resumed by Last-Event-ID. `timeout.total` is off unless given. Ends on 204, fails on
 * other statuses than 200 and on other media types.
 */
export declare const connect: (url: UrlInput, options?: ConnectOptions) => Stream.Stream<Event, ClientError, Session>

/** Schemas by event name. They decode from the text of `data`: `Schema.parseJson(…)` for JSON. */
export interface Schemas {
  readonly [event: string]: Schema.Schema<any, string, any>
}

/** The events that `decode` makes of `schemas`. */
export type Decoded<S extends Schemas> = {
  readonly [K in keyof S]: {
    readonly event: K
    readonly data: Schema.Schema.Type<S[K]>
    readonly id: Option.Option<string>
  }
}[keyof S]

/** Decodes the events that have a schema and leaves out the others. */
export declare const decode: <const S extends Schemas>(
  schemas: S
) => <E, R>(
  self: Stream.Stream<Event, E, R>
) => Stream.Stream<Decoded<S>, E | ParseError, R | Schema.Schema.Context<S[keyof S]>>
