/** The public upgraded connection: the operations of an `UpgradedConnection` as effects. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { ResponseHead } from "../../ClientResponse.js"
import { type Details, UpgradeError } from "../../Errors.js"
import type { TypeId as Id, Upgraded } from "../../Upgrade.js"
import { cancellable } from "../effect/callback.js"
import { type Pull, pullStream } from "../effect/pullStream.js"
import { showAs } from "../inspection.js"
import type { Deadlines } from "../transport/deadlines.js"
import { awaitSending } from "./sends.js"
import type { UpgradedConnection } from "./upgradedConnection.js"

export const TypeId: Id = "~effect-http-session/Upgrade"

/** The parts of an upgraded connection. */
export interface Parts {
  readonly connection: UpgradedConnection
  readonly response: ResponseHead
  readonly protocol: string
  readonly details: Details
  readonly deadlines: Deadlines
  /** In milliseconds. */
  readonly receiveTimeout: number
}

const descriptions = {
  Broken: "the connection broke",
  Closed: "the program closed the connection",
  Timeout: "no bytes arrived within receiveTimeout"
} as const

export class UpgradedImpl implements Upgraded {
  static {
    showAs(UpgradedImpl, "Upgraded", ({ parts, protocol }) => ({ url: parts.details.url, protocol }))
  }

  readonly [TypeId]: Id = TypeId
  readonly response: ResponseHead
  readonly protocol: string
  private readonly parts: Parts
  private readonly connection: UpgradedConnection

  constructor(parts: Parts) {
    this.parts = parts
    this.connection = parts.connection
    this.response = parts.response
    this.protocol = parts.protocol
  }

  get incoming(): Stream.Stream<Uint8Array, UpgradeError> {
    return pullStream(Effect.suspend(() => this.pull()))
  }

  readonly send = (data: string | Uint8Array): Effect.Effect<void, UpgradeError> =>
    Effect.suspend(() => awaitSending(this.connection.send(data), ({ cause, reason }) => this.error(reason, cause)))

  get outgoing(): Sink.Sink<void, string | Uint8Array, never, UpgradeError> {
    return Sink.forEach(this.send)
  }

  readonly end: Effect.Effect<void> = Effect.sync(() => this.connection.end())

  readonly close: Effect.Effect<void> = cancellable<void>((resume) => {
    this.connection.close()
    return this.connection.onClosed(() => resume(Effect.void))
  })

  private pull(): Pull<Uint8Array, UpgradeError> {
    const { connection, parts } = this
    const chunks = connection.take()
    if (chunks.length > 0) return Effect.succeed(chunks)
    if (connection.ended) return Effect.fail(Option.none())
    const { ending } = connection
    if (ending !== undefined) return Effect.fail(Option.some(this.error(ending.reason, ending.cause)))
    const until = parts.receiveTimeout === Infinity ? Infinity : parts.deadlines.now() + parts.receiveTimeout
    return Effect.flatMap(this.wait(until), (ready) =>
      ready ? this.pull() : Effect.fail(Option.some(this.error("Timeout", undefined)))
    )
  }

  /** Waits for bytes or the end. Succeeds with `false` at the time `until`. */
  private wait(until: number): Effect.Effect<boolean> {
    return cancellable<boolean>((resume) => {
      const deadline = this.parts.deadlines.schedule(until, () => {
        forget()
        resume(Effect.succeed(false))
      })
      const forget = this.connection.onReady(() => {
        deadline.cancel()
        resume(Effect.succeed(true))
      })
      return () => {
        deadline.cancel()
        forget()
      }
    })
  }

  private error(reason: keyof typeof descriptions, cause: unknown): UpgradeError {
    return new UpgradeError({
      ...this.parts.details,
      reason,
      description: descriptions[reason],
      ...(cause === undefined ? undefined : { cause })
    })
  }
}
