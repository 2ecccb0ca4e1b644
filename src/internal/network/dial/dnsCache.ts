/**
 * Addresses by name. Concurrent lookups of one name are one, in a fiber of the cache's own, which is abandoned once
 * everybody who asked has gone.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type { Scope } from "effect/Scope"
import type { ClientConnectorDNSError } from "../../../Errors.js"
import type { ResolverService } from "../../../Resolver.js"
import type { Trace } from "../../transport/trace.js"
import { type Addresses, askResolver, dnsFailure } from "./askResolver.js"
import { sortAddresses } from "./sortAddresses.js"

/** Milliseconds; `Infinity` is for ever. */
export interface DnsCacheOptions {
  readonly resolver: ResolverService
  readonly family: 4 | 6 | undefined
  readonly enabled: boolean
  /** For addresses without a time to live of their own. */
  readonly ttl: number
  readonly maxSize: number
  readonly staleIfError: number
  /** Ends the lookups that are still under way. */
  readonly scope: Scope
}

/** Who asks for what. */
export interface Question {
  readonly host: string
  readonly port: number
  /** The asker's time. */
  readonly now: () => number
  /** How long the asker waits for a lookup; milliseconds. */
  readonly limit: number
  /** Only for names of which signals tell. */
  readonly trace: Trace | undefined
}

/** The asker's limit ran out. */
export class LookupTimeout {
  readonly _tag = "LookupTimeout"
}

type LookupError = ClientConnectorDNSError | LookupTimeout

/** The addresses of a name, which take turns. */
class Answer {
  readonly addresses: Addresses
  readonly expiresAt: number
  /** Without a time to live it is for the connections under way, and for no others (RFC 1035, section 3.2.1). */
  readonly reusable: boolean
  /** Ports for which the name has been forgotten. */
  readonly forgotten = new Set<number>()
  private turn = 0

  constructor(addresses: Addresses, ttl: number, now: number) {
    this.addresses = addresses
    this.expiresAt = now + ttl
    this.reusable = ttl > 0
  }

  take(): Addresses {
    return sortAddresses(this.addresses, this.turn++)
  }
}

/** A lookup under way. */
interface Lookup {
  readonly host: string
  readonly port: number
  readonly now: () => number
  readonly answer: Deferred.Deferred<Answer, ClientConnectorDNSError>
  askers: number
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

interface Asked {
  readonly lookup: Lookup
  readonly coalesced: boolean
}

export class DnsCache {
  private readonly options: DnsCacheOptions
  /** The least recently used first. */
  private readonly answers = new Map<string, Answer>()
  private readonly lookups = new Map<string, Lookup>()

  constructor(options: DnsCacheOptions) {
    this.options = options
  }

  /** Names that are kept, for tests. */
  get size(): number {
    return this.answers.size
  }

  /** Lookups under way, for tests. */
  get pending(): number {
    return this.lookups.size
  }

  /** The addresses in the order in which they are to be tried. */
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
        this.ask(question),
        (asked) => this.take(asked, question),
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
    // What is being looked up was asked before: whoever waits may have it, but it is not kept.
    this.lookups.delete(host)
    if (port === undefined) this.answers.delete(host)
    else this.answers.get(host)?.forgotten.add(port)
  }

  private resolveAlone({ host, limit, trace }: Question): Effect.Effect<Addresses, LookupError> {
    // Disconnected: a resolver that cannot be interrupted keeps nobody waiting.
    const resolved = within(
      Effect.map(uncancelled(host, Effect.disconnect(this.lookUp(host))), (addresses) => sortAddresses(addresses, 0)),
      limit
    )
    return trace === undefined ? resolved : Effect.zipRight(trace.emit(started(host)), ended(resolved, host, trace))
  }

  private take({ coalesced, lookup }: Asked, question: Question): Effect.Effect<Addresses, LookupError> {
    const { host, limit, trace } = question
    const answered = limit === Infinity ? Deferred.await(lookup.answer) : this.answeredWithin(lookup, question)
    const addresses = Effect.map(answered, (answer) => answer.take())
    if (trace === undefined) return addresses
    if (coalesced) return Effect.zipRight(trace.emit({ _tag: "DnsCacheHit", host, coalesced }), addresses)
    return trace
      .emit({ _tag: "DnsCacheMiss", host })
      .pipe(Effect.zipRight(trace.emit(started(host))), Effect.zipRight(ended(addresses, host, trace)))
  }

  /** A lookup that takes too long is one that fails: addresses that have expired may do. */
  private answeredWithin(lookup: Lookup, { host, limit, now, port }: Question): Effect.Effect<Answer, LookupError> {
    return Effect.catchIf(
      within(Deferred.await(lookup.answer), limit),
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
    if (answer?.reusable !== true || answer.expiresAt < now || answer.forgotten.has(port)) return undefined
    this.answers.delete(host)
    this.answers.set(host, answer)
    return answer
  }

  /** Addresses that may be used although they have expired, because a lookup fails. */
  private stale(host: string, port: number, now: number): Answer | undefined {
    const { staleIfError } = this.options
    const answer = staleIfError > 0 ? this.answers.get(host) : undefined
    if (answer === undefined || answer.forgotten.has(port)) return undefined
    return answer.expiresAt + staleIfError >= now ? answer : undefined
  }

  /** Takes part in the lookup under way, or starts one. Run where it cannot be interrupted. */
  private ask({ host, now, port }: Question): Effect.Effect<Asked> {
    return Effect.suspend((): Effect.Effect<Asked> => {
      const under = this.lookups.get(host)
      if (under !== undefined) {
        under.askers += 1
        return Effect.succeed({ lookup: under, coalesced: true })
      }
      const answer = Deferred.unsafeMake<Answer, ClientConnectorDNSError>(FiberId.none)
      const lookup: Lookup = { host, port, now, answer, askers: 1, fiber: undefined }
      this.lookups.set(host, lookup)
      const run = Effect.uninterruptible(
        Effect.flatMap(Effect.exit(Effect.interruptible(Effect.disconnect(this.lookUp(host)))), (exit) =>
          this.settle(lookup, exit)
        )
      )
      return Effect.map(Effect.forkIn(run, this.options.scope), (fiber) => {
        lookup.fiber = fiber
        return { lookup, coalesced: false }
      })
    })
  }

  private leave(lookup: Lookup): Effect.Effect<void> {
    return Effect.suspend(() => {
      lookup.askers -= 1
      if (lookup.askers > 0 || lookup.fiber === undefined) return Effect.void
      if (this.lookups.get(lookup.host) === lookup) this.lookups.delete(lookup.host)
      return Fiber.interruptAsFork(lookup.fiber, FiberId.none)
    })
  }

  private settle(lookup: Lookup, exit: Exit.Exit<Addresses, ClientConnectorDNSError>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const current = this.lookups.get(lookup.host) === lookup
      if (current) this.lookups.delete(lookup.host)
      // What a resolver gives may be nothing that can be used.
      const answer = Effect.exit(Effect.suspend(() => this.answerOf(lookup, exit, current)))
      return Effect.flatMap(answer, (made) => Effect.asVoid(Deferred.done(lookup.answer, made)))
    })
  }

  private answerOf(
    lookup: Lookup,
    exit: Exit.Exit<Addresses, ClientConnectorDNSError>,
    current: boolean
  ): Exit.Exit<Answer, ClientConnectorDNSError> {
    const { host, now, port } = lookup
    if (Exit.isSuccess(exit)) {
      const answer = new Answer(exit.value, this.ttlOf(exit.value), now())
      if (current) this.store(host, answer)
      return Exit.succeed(answer)
    }
    // Nobody who waits was interrupted: it is the lookup that has ended without an answer.
    if (Exit.isInterrupted(exit)) return Exit.fail(dnsFailure(host, "ECANCELLED"))
    const stale = this.stale(host, port, now())
    return stale === undefined ? Exit.failCause(exit.cause) : Exit.succeed(stale)
  }

  /** The shortest of them, so that no address is used for longer than its record says. */
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

/** A lookup that interrupts itself has ended without an answer; nobody who waits was interrupted. */
const uncancelled = <A>(host: string, lookup: Effect.Effect<A, ClientConnectorDNSError>) =>
  Effect.catchAllCause(lookup, (cause) =>
    Cause.isInterruptedOnly(cause) ? Effect.fail(dnsFailure(host, "ECANCELLED")) : Effect.failCause(cause)
  )

const within = <A, E>(effect: Effect.Effect<A, E>, limit: number): Effect.Effect<A, E | LookupTimeout> =>
  limit === Infinity
    ? effect
    : Effect.timeoutFail(effect, { duration: Duration.millis(limit), onTimeout: () => new LookupTimeout() })

const started = (host: string) => ({ _tag: "DnsResolveHostStart", host }) as const

const ended = <E>(addresses: Effect.Effect<Addresses, E>, host: string, trace: Trace): Effect.Effect<Addresses, E> =>
  Effect.tap(addresses, (found) => trace.emit({ _tag: "DnsResolveHostEnd", host, addresses: found }))
