/** Counts the requests of a session from its signals, and streams snapshots of the counts. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Stats } from "../../Connector.js"
import type { Activity, RequestChunkSent, ResponseChunkReceived, Signal, Transfer } from "../../Tracing.js"
import { isMisread, toMillis } from "../durations.js"
import { repeated } from "../effect/streams.js"
import * as Deadlines from "../transport/deadlines.js"
import type { Hub, SignalSink } from "../transport/signalHub.js"

/** Milliseconds over which the rates are averaged. */
const rateWindow = 3000

/** The totals of a snapshot, from which later snapshots compute rates. */
interface Sample {
  readonly elapsed: number
  readonly sent: number
  readonly received: number
}

/** The connection counts of a pool, without those of each key. */
const countsOf = ({ perKey: _, ...counts }: Stats): Activity["connections"] => counts

class ActivityCounter implements SignalSink {
  /** Requests whose final head has not arrived. */
  private readonly pending = new Set<number>()
  /** Requests whose response body has not ended. */
  private readonly reading = new Set<number>()
  /** Bodies that are being transferred, by request. */
  private readonly transfers = new Map<number, Transfer>()
  private answered = 0
  private failed = 0
  private retries = 0
  private redirects = 0
  private sent = 0
  private received = 0
  private samples: ReadonlyArray<Sample> = [{ elapsed: 0, sent: 0, received: 0 }]
  private readonly onEnd: () => void

  constructor(onEnd: () => void) {
    this.onEnd = onEnd
  }

  end(): void {
    this.onEnd()
  }

  signal(signal: Signal): void {
    const id = signal.requestId
    if (id === undefined) return
    switch (signal._tag) {
      case "RequestStart":
        this.pending.add(id)
        return
      case "RequestChunkSent":
        if (this.pending.has(id)) this.sent += this.transfer(id, "upload", signal)
        return
      case "RequestRedirect":
        if (this.attemptEnded(id)) this.redirects++
        return
      case "RequestRetry":
        if (this.attemptEnded(id)) this.retries++
        return
      case "RequestException":
        if (this.attemptEnded(id)) this.failed++
        this.pending.delete(id)
        return
      case "RequestEnd":
        if (!this.attemptEnded(id)) return
        this.answered++
        this.pending.delete(id)
        this.reading.add(id)
        return
      case "ResponseChunkReceived":
        if (this.reading.has(id)) this.received += this.transfer(id, "download", signal)
        return
      case "ResponseEnd":
        if (this.reading.delete(id) && signal.cause !== undefined) this.failed++
        this.transfers.delete(id)
    }
  }

  /** Ends the upload of an attempt. Returns whether the stream has seen the start of the request. */
  private attemptEnded(id: number): boolean {
    this.transfers.delete(id)
    return this.pending.has(id)
  }

  /** Records a chunk of a body and returns its size. */
  private transfer(
    requestId: number,
    direction: Transfer["direction"],
    signal: RequestChunkSent | ResponseChunkReceived
  ): number {
    const { chunk, method, total, transferred, url } = signal
    this.transfers.set(requestId, {
      requestId,
      method,
      url,
      direction,
      transferred,
      total: Option.fromNullable(total)
    })
    return chunk.length
  }

  /** The counts after `elapsed` milliseconds. */
  snapshot(elapsed: number, connections: Activity["connections"]): Activity {
    const { answered, failed, received, redirects, retries, samples, sent } = this
    const recent = samples.filter((_, index) => {
      const next = samples[index + 1]
      return next === undefined || next.elapsed > elapsed - rateWindow
    })
    this.samples = [...recent, { elapsed, sent, received }]
    const since = recent[0] ?? { elapsed, sent, received }
    const seconds = (elapsed - since.elapsed) / 1000
    return {
      elapsed,
      active: this.pending.size + this.reading.size,
      answered,
      failed,
      retries,
      redirects,
      sent,
      received,
      sentPerSecond: seconds > 0 ? (sent - since.sent) / seconds : 0,
      receivedPerSecond: seconds > 0 ? (received - since.received) / seconds : 0,
      connections,
      transfers: [...this.transfers.values()]
    }
  }
}

const intervalOf = (input: DurationInput): number => {
  const millis = isMisread(input) ? 0 : toMillis(input)
  if (!(millis > 0)) throw new TypeError('Invalid option "interval": expected a duration above 0')
  return millis
}

/**
 * Snapshots of the requests that start while the stream runs: one at once, one after each interval, and one at the end
 * of the hub. Each pull takes its own snapshot, so that a slow reader gets fewer snapshots but no old ones.
 */
export const activityOf = (
  hub: Hub,
  stats: Effect.Effect<Stats>,
  interval: DurationInput | undefined
): Stream.Stream<Activity> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const millis = intervalOf(interval ?? "200 millis")
      const { now } = Deadlines.of(yield* Clock.clockWith(Effect.succeed))
      const startedAt = now()
      const ended = yield* Deferred.make<void>()
      const counter = new ActivityCounter(() => Deferred.unsafeDone(ended, Effect.void))
      yield* Effect.acquireRelease(
        Effect.sync(() => hub.watch(counter)),
        (unwatch) => Effect.sync(unwatch)
      )
      let isFirst = true
      const wait = Effect.suspend(() => {
        if (!isFirst)
          return Effect.raceFirst(Effect.as(Effect.sleep(millis), false), Effect.as(Deferred.await(ended), true))
        isFirst = false
        return Deferred.isDone(ended)
      })
      const next = Effect.flatMap(wait, (isLast) =>
        Effect.map(stats, (current) => [counter.snapshot(now() - startedAt, countsOf(current)), isLast] as const)
      )
      return repeated(next)
    })
  )
