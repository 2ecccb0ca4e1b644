/** The public WebSocket: the operations of a `WebSocketConnection` as effects. */

import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { ParseOptions } from "effect/SchemaAST"
import type * as Stream from "effect/Stream"
import type { ResponseHead } from "../../ClientResponse.js"
import { type Details, JsonDecodeError, WebSocketError } from "../../Errors.js"
import type { TypeId as Id, Message, WebSocket } from "../../WebSocket.js"
import { cancellable } from "../effect/callback.js"
import { type Pull, pullStream } from "../effect/pullStream.js"
import { showAs } from "../inspection.js"
import { json } from "../response/body/json.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { Ending, Outgoing, WebSocketConnection } from "./connection.js"
import { awaitSending } from "./sends.js"

export const TypeId: Id = "~effect-http-session/WebSocket"

/** Whether a client may send the code (RFC 6455 section 7.4 and the registry of close codes). */
const isCloseCode = (code: number): boolean =>
  (Number.isInteger(code) && code >= 3000 && code <= 4999) ||
  code === 1000 ||
  code === 1001 ||
  code === 1002 ||
  code === 1003 ||
  (Number.isInteger(code) && code >= 1007 && code <= 1014)

/** Most bytes of a close reason. A control frame has at most 125 bytes, two of which are the code. */
const maxReason = 123

const maxControl = 125

/** Truncates a reason to the size of a close frame, at a character boundary. */
const truncateReason = (reason: string): string => {
  const bytes = Buffer.from(reason, "utf8")
  if (bytes.length <= maxReason) return reason
  let end = maxReason
  while (end > 0 && (bytes.readUInt8(end) & 0xc0) === 0x80) end--
  return bytes.toString("utf8", 0, end)
}

/** Whether the connection closed normally. */
const isClean = ({ code, reason }: Ending): boolean =>
  reason === "Closed" && (code === 1000 || code === 1001 || code === 1005)

/** The parts of an open WebSocket. */
export interface Parts {
  readonly connection: WebSocketConnection
  readonly response: ResponseHead
  readonly protocol: Option.Option<string>
  readonly details: Details
  readonly deadlines: Deadlines
  /** In milliseconds. */
  readonly receiveTimeout: number
}

export class WebSocketImpl implements WebSocket {
  static {
    showAs(WebSocketImpl, "WebSocket", ({ connection, parts, protocol }) => ({
      url: parts.details.url,
      protocol: Option.getOrUndefined(protocol),
      closeCode: connection.code
    }))
  }

  readonly [TypeId]: Id = TypeId
  readonly response: ResponseHead
  readonly protocol: Option.Option<string>
  private readonly parts: Parts
  private readonly connection: WebSocketConnection

  constructor(parts: Parts) {
    this.parts = parts
    this.connection = parts.connection
    this.response = parts.response
    this.protocol = parts.protocol
  }

  readonly send = (data: string | Uint8Array): Effect.Effect<void, WebSocketError> =>
    this.sendFrame({ _tag: "Data", data })

  readonly sendJson = (value: unknown): Effect.Effect<void, WebSocketError> =>
    Effect.suspend(() => {
      const text: string | undefined = JSON.stringify(value)
      if (text === undefined) throw new TypeError("WebSocket.sendJson: the value cannot be serialized as JSON")
      return this.send(text)
    })

  readonly ping = (data: string | Uint8Array = ""): Effect.Effect<void, WebSocketError> => this.control("Ping", data)

  readonly pong = (data: string | Uint8Array = ""): Effect.Effect<void, WebSocketError> => this.control("Pong", data)

  get receive(): Effect.Effect<Message, WebSocketError> {
    return Effect.suspend(() => this.next(this.receiveDeadline()))
  }

  readonly receiveJson = <A, I, R>(
    schema: Schema.Schema<A, I, R>,
    options?: ParseOptions
  ): Effect.Effect<A, WebSocketError | JsonDecodeError | ParseError, R> => {
    const decode = Schema.decodeUnknown(schema, options)
    return Effect.flatMap(
      Effect.suspend(() => this.nextJson(this.receiveDeadline())),
      (value) => decode(value)
    )
  }

  get messages(): Stream.Stream<Message, WebSocketError> {
    return pullStream(Effect.suspend(() => this.batch(this.receiveDeadline())))
  }

  readonly close = (code = 1000, reason = ""): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      if (!isCloseCode(code))
        throw new RangeError(`WebSocket.close: expected a close code that a client may send, got ${code}`)
      const begun = this.connection.close(code, truncateReason(reason))
      return Effect.as(this.closed, begun)
    })

  get closeCode(): Effect.Effect<Option.Option<number>> {
    return Effect.sync(() => Option.fromNullable(this.connection.code))
  }

  /** Waits until the socket is closed. */
  private readonly closed: Effect.Effect<void> = cancellable<void>((resume) =>
    this.connection.onClosed(() => resume(Effect.void))
  )

  private sendFrame(frame: Outgoing): Effect.Effect<void, WebSocketError> {
    return Effect.suspend(() => awaitSending(this.connection.send(frame), (ending) => this.error(ending)))
  }

  private control(_tag: "Ping" | "Pong", data: string | Uint8Array): Effect.Effect<void, WebSocketError> {
    return Effect.suspend(() => {
      if (Buffer.byteLength(data) > maxControl) {
        throw new RangeError(`WebSocket.${_tag.toLowerCase()}: expected at most ${maxControl} bytes`)
      }
      return this.sendFrame({ _tag, data })
    })
  }

  private receiveDeadline(): number {
    const { deadlines, receiveTimeout } = this.parts
    return receiveTimeout === Infinity ? Infinity : deadlines.now() + receiveTimeout
  }

  private next(until: number): Effect.Effect<Message, WebSocketError> {
    const message = this.connection.inbox.take()
    return message === undefined ? this.waitOr(until, () => this.next(until)) : Effect.succeed(message)
  }

  private nextJson(until: number): Effect.Effect<unknown, WebSocketError | JsonDecodeError> {
    return Effect.flatMap(this.next(until), (message) => {
      switch (message._tag) {
        case "Text": {
          const result = json.parse(message.data, () => this.parts.details)
          return "value" in result ? Effect.succeed(result.value) : Effect.fail(result)
        }
        case "Binary":
          return Effect.fail(new JsonDecodeError({ ...this.parts.details, excerpt: "" }))
        default:
          return this.nextJson(until)
      }
    })
  }

  private batch(until: number): Pull<Message, WebSocketError> {
    const messages = this.connection.inbox.takeAll()
    if (messages.length > 0) return Effect.succeed(messages)
    const { closedHere, ending } = this.connection
    if (ending !== undefined && (closedHere || isClean(ending))) return Effect.fail(Option.none())
    return Effect.catchAll(
      this.waitOr<ReadonlyArray<Message>, WebSocketError | Option.Option<WebSocketError>>(until, () =>
        this.batch(until)
      ),
      (error) => Effect.fail(error instanceof WebSocketError ? Option.some(error) : error)
    )
  }

  /** Waits for a message. Fails at the end of the connection, or at the time `until`. */
  private waitOr<A, E>(until: number, go: () => Effect.Effect<A, E>): Effect.Effect<A, E | WebSocketError> {
    const { ending, inbox } = this.connection
    if (ending !== undefined && inbox.ended) return Effect.fail(this.error(ending))
    if (until !== Infinity && this.parts.deadlines.now() >= until)
      return Effect.fail(this.error({ reason: "Timeout", code: 1006 }))
    return Effect.flatMap(inbox.wait(until), go)
  }

  private error({ cause, closeReason, code, reason }: Ending): WebSocketError {
    return new WebSocketError({
      ...this.parts.details,
      reason,
      code,
      ...(closeReason === undefined || closeReason === "" ? undefined : { closeReason }),
      ...(cause === undefined ? undefined : { cause })
    })
  }
}
