/**
 * A private cache (RFC 9111) around each hop.
 */

import { KeyValueStore } from "@effect/platform/KeyValueStore"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { ClientResponse } from "../../../ClientResponse.js"
import { type ClientError, isClientConnectionError, isServerTimeoutError } from "../../../Errors.js"
import type { Middleware, Next } from "../../../Middleware.js"
import { isSafe } from "../../http/methods.js"
import { showAs } from "../../inspection.js"
import { setHeader } from "../../request/edits.js"
import type { Prepared } from "../../request/preparedRequest.js"
import { Response } from "../../response/response.js"
import { callOf } from "../../session/middlewareChain.js"
import { downgraded } from "../../session/sendHop.js"
import { preparedOf } from "../request.js"
import { sendAside } from "./backgroundRequest.js"
import { type Directives, parseDirectives } from "./cacheControl.js"
import { directivesOf, invalidatedBy, isAnswerable, type Lookup, lookupOf, sentAsAsked } from "./cacheRequest.js"
import { CacheStore, type Stored, varyOf } from "./cacheStore.js"
import { answersMeanwhile, type Freshness, freshness, satisfies, standsIn, valuesOf } from "./freshness.js"
import { sameSelection, selectionOf } from "./identity.js"
import { keepBody } from "./keepBody.js"
import { type Flight, Flights } from "./singleFlight.js"
import { linesOf, ofBody } from "./storedHeaders.js"
import { fromStored, gatewayTimeout } from "./storedResponse.js"

const isPassing = (error: ClientError): boolean => isClientConnectionError(error) || isServerTimeoutError(error)

const errorStatuses: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** Weak comparison (RFC 9110 section 8.8.3.2). */
const sameTag = (a: string, b: string): boolean => a.replace(/^W\//, "") === b.replace(/^W\//, "")

/** A stored response with what one request has to know of it. */
interface Found {
  readonly stored: Stored
  readonly fresh: Freshness
  readonly directives: Directives
}

/** What makes a request care for the age of what it gets: it does not wait for others, nor take what is stale. */
const requiring = ["no-cache", "max-age", "min-fresh"]

/** One sending, and what has to be known when its answer comes. */
interface Errand {
  readonly lookup: Lookup
  /** Those who wait for it, if there may be any. */
  readonly flight: Flight | undefined
  readonly sent: Sent
}

/** When a request was sent. */
interface Sent {
  /** What has been removed since is not stored. */
  readonly since: number
  /** Milliseconds since the epoch: from here on its answer ages, however long that takes (RFC 9111 section 4.2.3). */
  readonly at: number
}

class Cache {
  static {
    showAs(Cache, "Cache")
  }

  readonly middleware: Middleware = (request, next) => this.run(preparedOf(request), next)
  private readonly store: CacheStore
  private readonly maxBodySize: number
  private readonly flights = new Flights()
  /** What is validated while the stale response is used. */
  private readonly refreshes = new Set<string>()

  constructor(store: CacheStore, maxBodySize: number) {
    this.store = store
    this.maxBodySize = maxBodySize
  }

  private run(request: Prepared, next: Next): Effect.Effect<ClientResponse, ClientError> {
    if (!isSafe(request.method)) return Effect.tap(next(request), (response) => this.invalidate(request, response))
    const directives = directivesOf(request)
    if (!isAnswerable(request, directives)) return next(request)
    return Effect.flatMap(lookupOf(request, next, directives, this.middleware), (lookup) =>
      lookup === undefined ? next(request) : this.answer(lookup)
    )
  }

  private answer(lookup: Lookup): Effect.Effect<ClientResponse, ClientError> {
    const { directives: asked, next, request } = lookup
    return Effect.flatMap(this.find(lookup), (found) => {
      if (found !== undefined && satisfies(found.fresh, found.directives, asked)) {
        return Effect.succeed(fromStored(lookup, found.stored, found.fresh.age))
      }
      if (asked.has("only-if-cached")) return Effect.succeed(gatewayTimeout(lookup))
      if (request.method === "HEAD") {
        return Effect.flatMap(this.sending, (sent) =>
          Effect.tap(next(request), (response) => this.compare(lookup, found?.stored, response, sent))
        )
      }
      if (found !== undefined && answersMeanwhile(found.fresh, found.directives, asked)) {
        const refresh = this.refresh(lookup, found)
        const { fresh, stored } = found
        if (refresh !== undefined) return Effect.map(refresh, () => fromStored(lookup, stored, fresh.age))
      }
      return requiring.some((name) => asked.has(name)) ? this.send(lookup, found, undefined) : this.join(lookup, found)
    })
  }

  private find(lookup: Lookup): Effect.Effect<Found | undefined> {
    return Effect.flatMap(this.store.find(lookup), (stored) =>
      stored === undefined
        ? Effect.succeed(undefined)
        : Effect.map(Clock.currentTimeMillis, (now) => ({
            stored,
            fresh: freshness(stored.status, stored.headers, stored.receivedAt, now),
            directives: parseDirectives(valuesOf(stored.headers, "cache-control"))
          }))
    )
  }

  /** Waits for a request alike that is under way, or is the one that others wait for (RFC 9111 section 4). */
  private join(lookup: Lookup, found: Found | undefined): Effect.Effect<ClientResponse, ClientError> {
    const { directives: asked, likeness, next, request } = lookup
    return Effect.uninterruptibleMask((restore) => {
      const flight = this.flights.get(likeness)
      if (flight !== undefined) {
        return restore(
          Effect.flatMap(flight.wait, (landing) => {
            if (landing === "again") return this.run(request, next)
            return Effect.flatMap(this.find(lookup), (now) => {
              const answers =
                now !== undefined &&
                (landing === "stored"
                  ? satisfies(now.fresh, now.directives, asked)
                  : landing === "standsIn" && standsIn(now.fresh, now.directives, asked))
              return answers
                ? Effect.succeed(fromStored(lookup, now.stored, now.fresh.age))
                : this.send(lookup, now, undefined)
            })
          })
        )
      }
      return this.lead(likeness, (led) => restore(this.send(lookup, found, led)))
    })
  }

  /** Ends the flight where nothing else does. */
  private lead<A>(key: string, send: (flight: Flight) => Effect.Effect<A, ClientError>): Effect.Effect<A, ClientError> {
    const flight = this.flights.begin(key)
    return Effect.onExit(send(flight), (exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit)) flight.end(Cause.isInterruptedOnly(exit.cause) ? "again" : "alone")
        else if (!flight.carried) flight.end("unstored")
      })
    )
  }

  /** Validates in a request of its own, while the stale response is used; `undefined` where that cannot be. */
  private refresh(lookup: Lookup, found: Found): Effect.Effect<void> | undefined {
    const { likeness: key, next, request } = lookup
    const call = callOf(next)
    const at = request.middlewares.indexOf(this.middleware)
    // The other request has no history, so that it would not know where netrc must not be used.
    if (call === undefined || at === -1 || (request.defaults.trustEnv && downgraded(call, request))) {
      return undefined
    }
    return Effect.suspend(() => {
      if (this.refreshing(key)) return Effect.void
      return sendAside(call, request.middlewares.slice(at + 1), (aside) =>
        Effect.uninterruptibleMask((restore) => {
          // Others may have begun since.
          if (this.refreshing(key)) return Effect.void
          this.refreshes.add(key)
          const sent = this.lead(key, (flight) =>
            restore(
              Effect.flatMap(this.send({ ...lookup, next: aside, directives: new Map() }, found, flight), () =>
                flight.carried ? flight.wait : Effect.void
              )
            )
          )
          return Effect.ensuring(
            sent,
            Effect.sync(() => this.refreshes.delete(key))
          )
        })
      )
    })
  }

  private refreshing(key: string): boolean {
    return this.refreshes.has(key) || this.flights.get(key) !== undefined
  }

  private send(
    lookup: Lookup,
    found: Found | undefined,
    flight: Flight | undefined
  ): Effect.Effect<ClientResponse, ClientError> {
    return Effect.flatMap(this.sending, (sent) => {
      const errand = { lookup, flight, sent }
      return found === undefined ? this.fetch(errand) : this.validate(errand, found)
    })
  }

  private readonly sending: Effect.Effect<Sent> = Effect.map(Clock.currentTimeMillis, (at) => ({
    since: this.store.moment,
    at
  }))

  private fetch(errand: Errand): Effect.Effect<ClientResponse, ClientError> {
    const { next, request } = errand.lookup
    return Effect.tap(next(request), (response) => this.keep(errand, response, false))
  }

  /** Asks whether the stored response still holds (RFC 9111 section 4.3). */
  private validate(errand: Errand, found: Found): Effect.Effect<ClientResponse, ClientError> {
    const { flight, lookup, sent } = errand
    const { directives: asked, next, request } = lookup
    const { stored } = found
    const [tag] = valuesOf(stored.headers, "etag")
    const [modified] = valuesOf(stored.headers, "last-modified")
    let conditioned = request
    if (tag !== undefined) conditioned = setHeader(conditioned, "If-None-Match", tag)
    if (modified !== undefined) conditioned = setHeader(conditioned, "If-Modified-Since", modified)
    const standIn = standsIn(found.fresh, found.directives, asked)
    const instead = () => {
      flight?.end("standsIn")
      return fromStored(lookup, stored, found.fresh.age)
    }
    return Effect.matchEffect(next(conditioned), {
      onFailure: (error) => (standIn && isPassing(error) ? Effect.sync(instead) : Effect.fail(error)),
      onSuccess: (response) => {
        if (standIn && errorStatuses.has(response.status)) return Effect.map(response.release, instead)
        if (response.status !== 304 || conditioned === request) {
          return Effect.as(this.keep(errand, response, true), response)
        }
        const said = Option.getOrUndefined(response.header("etag"))
        const another = said !== undefined && tag !== undefined && !sameTag(said, tag)
        if (another || sentAsAsked(lookup, response) === undefined)
          return Effect.zipRight(response.release, this.fetch(errand))
        return Effect.zipRight(
          response.release,
          Effect.map(this.freshen(lookup, stored, response, sent), ({ age, fresher }) => {
            flight?.end("stored")
            return fromStored(lookup, fresher, age)
          })
        )
      }
    })
  }

  /** The stored response with the header lines of a 304 or of a HEAD (RFC 9111 section 4.3.4). */
  private freshen(
    lookup: Lookup,
    stored: Stored,
    response: ClientResponse,
    { at: receivedAt, since }: Sent
  ): Effect.Effect<{ readonly fresher: Stored; readonly age: number }> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const lines = linesOf(response).filter(([name]) => !ofBody.has(name.toLowerCase()))
      const names = new Set(lines.map(([name]) => name.toLowerCase()))
      // An Age of the old response says nothing of the one that was validated.
      const kept = stored.headers.filter(([name]) => !names.has(name.toLowerCase()) && name.toLowerCase() !== "age")
      const fresher: Stored = { ...stored, receivedAt, headers: [...kept, ...lines] }
      const { age } = freshness(fresher.status, fresher.headers, receivedAt, now)
      return Effect.as(this.store.put(lookup.sent.url, fresher, since), { fresher, age })
    })
  }

  /** What a HEAD says of the stored response (RFC 9111 section 4.3.5): it is still the same, or it is gone. */
  private compare(
    lookup: Lookup,
    stored: Stored | undefined,
    response: ClientResponse,
    sent: Sent
  ): Effect.Effect<void> {
    if (stored === undefined || response.status !== 200) return Effect.void
    if (sentAsAsked(lookup, response) === undefined) return Effect.void
    const told = linesOf(response)
    const of = (name: string, lines: Stored["headers"]) => valuesOf(lines, name)[0]
    const differs = ["etag", "last-modified", "content-length"].some((name) => {
      const said = of(name, told)
      return said !== undefined && said !== of(name, stored.headers)
    })
    if (differs) return this.store.removeOwn(lookup.sent.url, lookup.identity)
    const validated = ["etag", "last-modified"].some((name) => of(name, told) !== undefined)
    return validated ? Effect.asVoid(this.freshen(lookup, stored, response, sent)) : Effect.void
  }

  /**
   * Stores a response when its body has come, if that may be done and is of use. `supersedes`: an answer to a validation
   * that is not stored itself shows that what is stored is none any more (RFC 9111 section 4.3.3).
   */
  private keep(errand: Errand, response: ClientResponse, supersedes: boolean): Effect.Effect<void> {
    const { lookup, sent } = errand
    const { identity } = lookup
    const { url } = lookup.sent
    const actual = sentAsAsked(lookup, response)
    if (!(response instanceof Response) || actual === undefined) return Effect.void
    const gone = supersedes && response.status < 500 ? this.store.removeOwn(url, identity) : Effect.void
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const headers = linesOf(response)
      const vary = varyOf(headers)
      const { lifetime, storable } = freshness(response.status, headers, sent.at, now)
      const lasting = lifetime > 0 || valuesOf(headers, "etag").length + valuesOf(headers, "last-modified").length > 0
      const length = Option.getOrElse(response.contentLength, () => 0)
      if (vary === undefined || !storable || !lasting) return gone
      if (length > this.maxBodySize || !sameSelection(lookup.sent, actual, vary)) return gone
      const { reason, status, toleratesTruncatedCoding } = response
      const selection = selectionOf(actual, vary)
      const { flight } = errand
      const put = (body: string) =>
        this.store.put(
          url,
          { identity, selection, receivedAt: sent.at, status, reason, headers, toleratesTruncatedCoding, body },
          sent.since
        )
      return keepBody(response, { flight, core: callOf(lookup.next)?.core, limit: this.maxBodySize, put, gone })
    })
  }

  /** What an unsafe method has changed is not in the cache any more (RFC 9111 section 4.4). */
  private invalidate(request: Prepared, response: ClientResponse): Effect.Effect<void> {
    if (response.status < 200 || response.status >= 400) return Effect.void
    return Effect.forEach(invalidatedBy(request, response), (url) => this.store.remove(url), { discard: true })
  }
}

/** 1 MiB. */
const defaultMaxBodySize = 1024 * 1024

/** 64 MiB. */
const defaultMaxSize = 64 * 1024 * 1024

export const cache = (options: {
  readonly maxBodySize?: number | undefined
  readonly maxSize?: number | undefined
}): Effect.Effect<Middleware, never, KeyValueStore> =>
  Effect.map(KeyValueStore, (store): Middleware => {
    const bounded = new CacheStore(store, options.maxSize ?? defaultMaxSize)
    return new Cache(bounded, options.maxBodySize ?? defaultMaxBodySize).middleware
  })
