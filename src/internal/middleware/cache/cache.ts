/** A private HTTP cache (RFC 9111) around each hop. */

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
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { callOf } from "../../session/middlewareChain.js"
import { isDowngraded } from "../../session/sendHop.js"
import { preparedOf } from "../request.js"
import { sendInBackground } from "./backgroundRequest.js"
import { type Directives, parseDirectives } from "./cacheControl.js"
import { directivesOf, isAnswerable, type Lookup, lookupOf, sentAsForeseen } from "./cacheRequest.js"
import { CacheStore, type Stored } from "./cacheStore.js"
import { CacheUpdates, type FetchTask } from "./cacheUpdates.js"
import { answersMeanwhile, type Freshness, freshness, satisfies, standsIn, valuesOf } from "./freshness.js"
import { type Flight, Flights } from "./singleFlight.js"
import { fromStored, gatewayTimeout } from "./storedResponse.js"

const isTransient = (error: ClientError): boolean => isClientConnectionError(error) || isServerTimeoutError(error)

const errorStatuses: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** Weak comparison of entity tags (RFC 9110 section 8.8.3.2). */
const sameTag = (a: string, b: string): boolean => a.replace(/^W\//, "") === b.replace(/^W\//, "")

/** A stored response with its freshness for the current request. */
interface Found {
  readonly stored: Stored
  readonly fresh: Freshness
  readonly directives: Directives
}

/** Directives that restrict the age. A request with one of them is not coalesced with others and never served stale. */
const ageDirectives = ["no-cache", "max-age", "min-fresh"]

class Cache {
  static {
    showAs(Cache, "Cache")
  }

  readonly middleware: Middleware = (request, next) => this.run(preparedOf(request), next)
  private readonly store: CacheStore
  private readonly updates: CacheUpdates
  private readonly flights = new Flights()
  /** Keys whose entries are being revalidated in the background. */
  private readonly refreshes = new Set<string>()

  constructor(store: CacheStore, maxBodySize: number) {
    this.store = store
    this.updates = new CacheUpdates(store, maxBodySize)
  }

  private run(request: PreparedRequest, next: Next): Effect.Effect<ClientResponse, ClientError> {
    if (!isSafe(request.method))
      return Effect.tap(next(request), (response) => this.updates.invalidate(request, response))
    const directives = directivesOf(request)
    if (!isAnswerable(request, directives)) return next(request)
    return Effect.flatMap(lookupOf(request, next, directives, this.middleware), (lookup) =>
      lookup === undefined ? next(request) : this.answer(lookup)
    )
  }

  private answer(lookup: Lookup): Effect.Effect<ClientResponse, ClientError> {
    const { directives, next, request } = lookup
    return Effect.flatMap(this.find(lookup), (found) => {
      if (found !== undefined && satisfies(found.fresh, found.directives, directives)) {
        return Effect.succeed(fromStored(lookup, found.stored, found.fresh.age))
      }
      if (directives.has("only-if-cached")) return Effect.succeed(gatewayTimeout(lookup))
      if (request.method === "HEAD") {
        return Effect.flatMap(this.updates.currentMoment, (moment) =>
          Effect.tap(next(request), (response) => this.updates.compare(lookup, found?.stored, response, moment))
        )
      }
      if (found !== undefined && answersMeanwhile(found.fresh, found.directives, directives)) {
        const refresh = this.refresh(lookup, found)
        const { fresh, stored } = found
        if (refresh !== undefined) return Effect.map(refresh, () => fromStored(lookup, stored, fresh.age))
      }
      return ageDirectives.some((name) => directives.has(name))
        ? this.send(lookup, found, undefined)
        : this.join(lookup, found)
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

  /** Waits for an identical request in flight, or sends the request that others wait for (RFC 9111 section 4). */
  private join(lookup: Lookup, found: Found | undefined): Effect.Effect<ClientResponse, ClientError> {
    const { directives, likeness, next, request } = lookup
    return Effect.uninterruptibleMask((restore) => {
      const flight = this.flights.get(likeness)
      if (flight !== undefined) {
        return restore(
          Effect.flatMap(flight.wait, (result) => {
            if (result === "again") return this.run(request, next)
            return Effect.flatMap(this.find(lookup), (latest) => {
              const answers =
                latest !== undefined &&
                (result === "stored"
                  ? satisfies(latest.fresh, latest.directives, directives)
                  : result === "standsIn" && standsIn(latest.fresh, latest.directives, directives))
              return answers
                ? Effect.succeed(fromStored(lookup, latest.stored, latest.fresh.age))
                : this.send(lookup, latest, undefined)
            })
          })
        )
      }
      return this.fetchOnce(likeness, (started) => restore(this.send(lookup, found, started)))
    })
  }

  /** Runs `send` with a new flight, and ends the flight afterwards, unless the end of a body will do so. */
  private fetchOnce<A>(
    key: string,
    send: (flight: Flight) => Effect.Effect<A, ClientError>
  ): Effect.Effect<A, ClientError> {
    const flight = this.flights.begin(key)
    return Effect.onExit(send(flight), (exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit)) flight.end(Cause.isInterruptedOnly(exit.cause) ? "again" : "alone")
        else if (!flight.endsWithBody) flight.end("unstored")
      })
    )
  }

  /** Revalidates an entry in the background, because the stale response is used; `undefined` if that is impossible. */
  private refresh(lookup: Lookup, found: Found): Effect.Effect<void> | undefined {
    const { likeness: key, next, request } = lookup
    const call = callOf(next)
    const index = request.middlewares.indexOf(this.middleware)
    // Does not repeat a request after a downgrade from https to http, for which netrc must be ignored.
    if (call === undefined || index === -1 || (request.defaults.trustEnv && isDowngraded(call, request))) {
      return undefined
    }
    return Effect.suspend(() => {
      if (this.isRefreshing(key)) return Effect.void
      return sendInBackground(call, request.middlewares.slice(index + 1), (backgroundNext) =>
        Effect.uninterruptibleMask((restore) => {
          // Another request may have started since this fiber was.
          if (this.isRefreshing(key)) return Effect.void
          this.refreshes.add(key)
          const revalidation = this.fetchOnce(key, (flight) =>
            restore(
              Effect.flatMap(
                this.send({ ...lookup, next: backgroundNext, directives: new Map() }, found, flight),
                () => (flight.endsWithBody ? flight.wait : Effect.void)
              )
            )
          )
          return Effect.ensuring(
            revalidation,
            Effect.sync(() => this.refreshes.delete(key))
          )
        })
      )
    })
  }

  private isRefreshing(key: string): boolean {
    return this.refreshes.has(key) || this.flights.get(key) !== undefined
  }

  private send(
    lookup: Lookup,
    found: Found | undefined,
    flight: Flight | undefined
  ): Effect.Effect<ClientResponse, ClientError> {
    return Effect.flatMap(this.updates.currentMoment, (moment) => {
      const task = { lookup, flight, moment }
      return found === undefined ? this.fetch(task) : this.validate(task, found)
    })
  }

  private fetch(task: FetchTask): Effect.Effect<ClientResponse, ClientError> {
    const { next, request } = task.lookup
    return Effect.tap(next(request), (response) => this.updates.keep(task, response, false))
  }

  /** Revalidates a stored response with a conditional request (RFC 9111 section 4.3). */
  private validate(task: FetchTask, found: Found): Effect.Effect<ClientResponse, ClientError> {
    const { flight, lookup, moment } = task
    const { directives, next, request } = lookup
    const { stored } = found
    const [tag] = valuesOf(stored.headers, "etag")
    const [modified] = valuesOf(stored.headers, "last-modified")
    let conditional = request
    if (tag !== undefined) conditional = setHeader(conditional, "If-None-Match", tag)
    if (modified !== undefined) conditional = setHeader(conditional, "If-Modified-Since", modified)
    const mayStandIn = standsIn(found.fresh, found.directives, directives)
    const answerStale = () => {
      flight?.end("standsIn")
      return fromStored(lookup, stored, found.fresh.age)
    }
    return Effect.matchEffect(next(conditional), {
      onFailure: (error) => (mayStandIn && isTransient(error) ? Effect.sync(answerStale) : Effect.fail(error)),
      onSuccess: (response) => {
        if (mayStandIn && errorStatuses.has(response.status)) return Effect.map(response.release, answerStale)
        if (response.status !== 304 || conditional === request) {
          return Effect.as(this.updates.keep(task, response, true), response)
        }
        const newTag = Option.getOrUndefined(response.header("etag"))
        const hasChanged = newTag !== undefined && tag !== undefined && !sameTag(newTag, tag)
        if (hasChanged || sentAsForeseen(lookup, response) === undefined)
          return Effect.zipRight(response.release, this.fetch(task))
        return Effect.zipRight(
          response.release,
          Effect.map(this.updates.freshen(lookup, stored, response, moment), ({ age, fresher }) => {
            flight?.end("stored")
            return fromStored(lookup, fresher, age)
          })
        )
      }
    })
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
