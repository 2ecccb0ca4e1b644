/**
 * A cache of DNS answers. Concurrent requests for a name share one lookup (single-flight). It runs in a fiber of the
 * cache, which is interrupted when no request waits for it.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type { Scope } from "effect/Scope"
import type { ClientConnectorDNSError } from "../../../Errors.js"
import type { ResolverService } from "../../../Resolver.js"
import { disconnect } from "../../effect/disconnect.js"
import { type AnyFiber, forkWithin, interruptSoon } from "../../effect/fibers.js"
import type { Trace } from "../../transport/trace.js"
import { type Addresses, askResolver, dnsFailure } from "./askResolver.js"
import { sortAddresses } from "./sortAddresses.js"

/** Options of the cache. Durations are milliseconds; `Infinity` means no expiry. */
export interface DnsCacheOptions {
  readonly resolver: ResolverService
  readonly family: 4 | 6 | undefined
  readonly enabled: boolean
  /** The time to live of addresses without their own. */
  readonly ttl: number
  readonly maxSize: number
  readonly staleIfError: number
  /** Interrupts pending lookups when it closes. */
  readonly scope: Scope
}

/** The lookup that one request needs. */
export interface Question {
  readonly host: string
  readonly port: number
  /** The clock of the request. */
  readonly now: () => number
  /** Milliseconds that the request waits for the lookup. */
  readonly limit: number
  /** Receives signals. `undefined` without observers, and for lookups of proxies. */
  readonly trace: Trace | undefined
}

/** The error for a lookup that took longer than the limit of the request. */
export class LookupTimeout {
  readonly _tag = "LookupTimeout"
}

type LookupError = ClientConnectorDNSError | LookupTimeout

/** The addresses of a name. Each use starts with the next one. */
class Answer {
  readonly addresses: Addresses
  readonly expiresAt: number
  /** An answer with a time to live of 0 serves only the requests that wait for it (RFC 1035, section 3.2.1). */
  readonly reusable: boolean
  /** Ports for which the answer was cleared. */
  readonly clearedPorts = new Set<number>()
  private uses = 0

  constructor(addresses: Addresses, ttl: number, now: number) {
    this.addresses = addresses
    this.expiresAt = now + ttl
    this.reusable = ttl > 0
  }

  take(): Addresses {
    return sortAddresses(this.addresses, this.uses++)
  }
}

/** A pending lookup. */
interface Lookup {
  readonly host: string
  readonly port: number
  readonly now: () => number
  readonly answer: Deferred.Deferred<Answer, ClientConnectorDNSError>
  /** The number of requests that wait for it. */
  waiters: number
  fiber: AnyFiber | undefined
}

/** The part of one request in a lookup. */
interface Participation {
  readonly lookup: Lookup
  readonly coalesced: boolean
}

export class DnsCache {
  private readonly options: DnsCacheOptions
  /** In order of use, the least recently used first. */
  private readonly answers = new Map<string, Answer>()
  private readonly lookups = new Map<string, Lookup>()

  constructor(options: DnsCacheOptions) {
    this.options = options
  }

  /** The number of cached names, for tests. */
  get size(): number {
    return this.answers.size
  }

  /** The number of pending lookups, for tests. */
  get pending(): number {
    return this.lookups.size
  }

  /** Resolves a name to its addresses, in the order in which to try them. */
  resolve(question: Question): Effect.Effect<Addresses, LookupError> {
    return Effect.suspend((): Effect.Effect<Addresses, LookupError> => {
      const { host, port, trace } = question
      if (!this.options.enabled) return this.resolveAlone(question)
      const answer = this.fresh(host, port, question.now())
      if (answer !== undefined) {
        const addresses = answer.take()
        return trace === undefined
          ? Effect.succeed(addresses)
          : Effect.as(trace.emit({ _tag: "DnsCacheHit", host, coalesced: false }), addresses)
      }
      return Effect.acquireUseRelease(
        this.join(question),
        (participation) => this.take(participation, question),
        ({ lookup }) => this.leave(lookup)
      )
    })
  }

  clear(host?: string, port?: number): void {
    if (host === undefined) {
      this.answers.clear()
      this.lookups.clear()
      return
    }
    // The requests that wait for a pending lookup get its answer, but the answer is not stored.
    this.lookups.delete(host)
    if (port === undefined) this.answers.delete(host)
    else this.answers.get(host)?.clearedPorts.add(port)
  }

  private resolveAlone({ host, limit, trace }: Question): Effect.Effect<Addresses, LookupError> {
    // Disconnects the lookup, so that an uninterruptible resolver does not delay an interruption of the request.
    const resolution = failAfter(
      Effect.map(failIfInterrupted(host, disconnect(this.lookUp(host))), (addresses) => sortAddresses(addresses, 0)),
      limit
    )
    return trace === undefined
      ? resolution
      : Effect.zipRight(trace.emit(startSignal(host)), withEndSignal(resolution, host, trace))
  }

  private take({ coalesced, lookup }: Participation, question: Question): Effect.Effect<Addresses, LookupError> {
    const { host, limit, trace } = question
    const awaitAnswer = limit === Infinity ? Deferred.await(lookup.answer) : this.awaitAnswerWithin(lookup, question)
    const addresses = Effect.map(awaitAnswer, (answer) => answer.take())
    if (trace === undefined) return addresses
    if (coalesced) return Effect.zipRight(trace.emit({ _tag: "DnsCacheHit", host, coalesced }), addresses)
    return trace
      .emit({ _tag: "DnsCacheMiss", host })
      .pipe(Effect.zipRight(trace.emit(startSignal(host))), Effect.zipRight(withEndSignal(addresses, host, trace)))
  }

  /** Waits for a lookup within the limit. A longer lookup counts as failed, so that stale addresses may be used. */
  private awaitAnswerWithin(lookup: Lookup, { host, limit, now, port }: Question): Effect.Effect<Answer, LookupError> {
    return Effect.catchIf(
      failAfter(Deferred.await(lookup.answer), limit),
      (error) => error instanceof LookupTimeout,
      (error) =>
        Effect.suspend(() => {
          const stale = this.stale(host, port, now())
          return stale === undefined ? Effect.fail(error) : Effect.succeed(stale)
        })
    )
  }

  private lookUp(host: string): Effect.Effect<Addresses, ClientConnectorDNSError> {
    const { family, resolver } = this.options
    return askResolver(resolver, host, family)
  }

  private fresh(host: string, port: number, now: number): Answer | undefined {
    const answer = this.answers.get(host)
    if (answer?.reusable !== true || answer.expiresAt < now || answer.clearedPorts.has(port)) return undefined
    this.answers.delete(host)
    this.answers.set(host, answer)
    return answer
  }

  /** An expired answer that `staleIfError` allows after a failed lookup. */
  private stale(host: string, port: number, now: number): Answer | undefined {
    const { staleIfError } = this.options
    const answer = staleIfError > 0 ? this.answers.get(host) : undefined
    if (answer === undefined || answer.clearedPorts.has(port)) return undefined
    return answer.expiresAt + staleIfError >= now ? answer : undefined
  }

  /** Joins the pending lookup, or starts one. Must run uninterruptibly. */
  private join({ host, now, port }: Question): Effect.Effect<Participation> {
    return Effect.suspend((): Effect.Effect<Participation> => {
      const pending = this.lookups.get(host)
      if (pending !== undefined) {
        pending.waiters += 1
        return Effect.succeed({ lookup: pending, coalesced: true })
      }
      const answer = Deferred.unsafeMake<Answer, ClientConnectorDNSError>(FiberId.none)
      const lookup: Lookup = { host, port, now, answer, waiters: 1, fiber: undefined }
      this.lookups.set(host, lookup)
      const run = Effect.uninterruptible(
        Effect.flatMap(Effect.exit(Effect.interruptible(disconnect(this.lookUp(host)))), (exit) =>
          this.settle(lookup, exit)
        )
      )
      return Effect.map(forkWithin(run, this.options.scope), (fiber) => {
        lookup.fiber = fiber
        return { lookup, coalesced: false }
      })
    })
  }

  private leave(lookup: Lookup): Effect.Effect<void> {
    return Effect.suspend(() => {
      lookup.waiters -= 1
      if (lookup.waiters > 0 || lookup.fiber === undefined) return Effect.void
      if (this.lookups.get(lookup.host) === lookup) this.lookups.delete(lookup.host)
      interruptSoon(lookup.fiber)
      return Effect.void
    })
  }

  private settle(lookup: Lookup, exit: Exit.Exit<Addresses, ClientConnectorDNSError>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const isCurrent = this.lookups.get(lookup.host) === lookup
      if (isCurrent) this.lookups.delete(lookup.host)
      // Effect.suspend catches exceptions, which an unusual answer of the resolver may cause.
      const answer = Effect.exit(Effect.suspend(() => this.answerOf(lookup, exit, isCurrent)))
      return Effect.flatMap(answer, (answerExit) => Effect.asVoid(Deferred.done(lookup.answer, answerExit)))
    })
  }

  private answerOf(
    lookup: Lookup,
    exit: Exit.Exit<Addresses, ClientConnectorDNSError>,
    isCurrent: boolean
  ): Exit.Exit<Answer, ClientConnectorDNSError> {
    const { host, now, port } = lookup
    if (Exit.isSuccess(exit)) {
      const answer = new Answer(exit.value, this.ttlOf(exit.value), now())
      if (isCurrent) this.store(host, answer)
      return Exit.succeed(answer)
    }
    // No waiter was interrupted, so the lookup itself was.
    if (Exit.isInterrupted(exit)) return Exit.fail(dnsFailure(host, "ECANCELLED"))
    const stale = this.stale(host, port, now())
    return stale === undefined ? Exit.failCause(exit.cause) : Exit.succeed(stale)
  }

  /** The shortest time to live, so that no address is used for longer than its record allows. */
  private ttlOf(addresses: Addresses): number {
    let ttl = Infinity
    for (const address of addresses) {
      ttl = Math.min(ttl, address.ttl === undefined ? this.options.ttl : Duration.toMillis(address.ttl))
    }
    return ttl
  }

  private store(host: string, answer: Answer): void {
    const { maxSize, staleIfError } = this.options
    this.answers.delete(host)
    if (!answer.reusable && staleIfError <= 0) return
    this.answers.set(host, answer)
    for (const oldest of this.answers.keys()) {
      if (this.answers.size <= maxSize) break
      this.answers.delete(oldest)
    }
  }
}

/** Converts an interruption of a lookup by itself to a failure, because the waiting request was not interrupted. */
const failIfInterrupted = <A>(host: string, lookup: Effect.Effect<A, ClientConnectorDNSError>) =>
  Effect.catchAllCause(lookup, (cause) =>
    Cause.isInterruptedOnly(cause) ? Effect.fail(dnsFailure(host, "ECANCELLED")) : Effect.failCause(cause)
  )

const failAfter = <A, E>(effect: Effect.Effect<A, E>, limit: number): Effect.Effect<A, E | LookupTimeout> =>
  limit === Infinity
    ? effect
    : Effect.timeoutFail(effect, { duration: Duration.millis(limit), onTimeout: () => new LookupTimeout() })

const startSignal = (host: string) => ({ _tag: "DnsResolveHostStart", host }) as const

const withEndSignal = <E>(
  addresses: Effect.Effect<Addresses, E>,
  host: string,
  trace: Trace
): Effect.Effect<Addresses, E> =>
  Effect.tap(addresses, (found) => trace.emit({ _tag: "DnsResolveHostEnd", host, addresses: found }))
