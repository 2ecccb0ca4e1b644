/**
 * A private cache (RFC 9111) around each hop.
 */

import { KeyValueStore } from "@effect/platform/KeyValueStore"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type { ClientResponse } from "../../../ClientResponse.js"
import { type ClientError, InvalidURL, isClientConnectionError, isServerTimeoutError } from "../../../Errors.js"
import type { Middleware, Next } from "../../../Middleware.js"
import { sameOrigin } from "../../http/origin.js"
import { resolveLocation } from "../../http/target.js"
import { showAs } from "../../inspection.js"
import { setHeader } from "../../request/edits.js"
import type { Prepared } from "../../request/preparedRequest.js"
import { Response } from "../../response/response.js"
import { callOf } from "../../session/nexts.js"
import { preparedOf } from "../request.js"
import { sendAside } from "./backgroundRequest.js"
import { listenTo } from "./cacheBody.js"
import { type Directives, parseDirectives } from "./cacheControl.js"
import { CacheStore, likenessOf, type Stored, selectionOf, varyOf, whoOf } from "./cacheStore.js"
import { answersMeanwhile, type Freshness, freshness, satisfies, standsIn, valuesOf } from "./freshness.js"
import { type Flight, Flights } from "./singleFlight.js"
import { linesOf, ofBody } from "./storedHeaders.js"
import { fromStored, gatewayTimeout } from "./storedResponse.js"

/** RFC 9110 section 9.2.1. */
const safe: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"])

/** Conditions and ranges of the caller's own are between him and the server. */
const conditional = ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]

const directivesOf = (request: Prepared): Directives => {
  const fields = valuesOf(request.fields.pairs, "cache-control")
  if (fields.length > 0) return parseDirectives(fields)
  // RFC 9111 section 5.4.
  return /\bno-cache\b/i.test(valuesOf(request.fields.pairs, "pragma").join(","))
    ? new Map([["no-cache", ""]])
    : new Map()
}

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

/** What those who wait do where a body was not stored. */
const landings = { abandoned: "again", broken: "alone", large: "unstored" } as const

/** One sending, and what has to be known when its answer comes. */
interface Errand {
  readonly request: Prepared
  readonly next: Next
  readonly asked: Directives
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
    if (!safe.has(request.method)) return Effect.tap(next(request), (response) => this.invalidate(request, response))
    const asked = directivesOf(request)
    const isHead = request.method === "HEAD"
    const answerable =
      (isHead || request.method === "GET") && request.body._tag === "Empty" && request.fault === undefined
    if (!answerable || asked.has("no-store") || conditional.some((name) => request.header(name)._tag === "Some")) {
      return next(request)
    }
    return Effect.flatMap(this.find(request), (found) => {
      if (found !== undefined && satisfies(found.fresh, found.directives, asked)) {
        return Effect.succeed(fromStored(request, next, found.stored, found.fresh.age))
      }
      if (asked.has("only-if-cached")) return Effect.succeed(gatewayTimeout(request, next))
      if (isHead) {
        return Effect.flatMap(this.sending, (sent) =>
          Effect.tap(next(request), (response) => this.compare(request, found?.stored, response, sent))
        )
      }
      if (found !== undefined && answersMeanwhile(found.fresh, found.directives, asked)) {
        const refresh = this.refresh(request, next, found)
        const { fresh, stored } = found
        if (refresh !== undefined) return Effect.map(refresh, () => fromStored(request, next, stored, fresh.age))
      }
      return requiring.some((name) => asked.has(name))
        ? this.send(request, next, found, asked, undefined)
        : this.join(request, next, found, asked)
    })
  }

  private find(request: Prepared): Effect.Effect<Found | undefined> {
    return Effect.flatMap(this.store.find(request), (stored) =>
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
  private join(
    request: Prepared,
    next: Next,
    found: Found | undefined,
    asked: Directives
  ): Effect.Effect<ClientResponse, ClientError> {
    return Effect.uninterruptibleMask((restore) => {
      const key = likenessOf(request)
      const flight = this.flights.get(key)
      if (flight !== undefined) {
        return restore(
          Effect.flatMap(flight.wait, (landing) => {
            if (landing === "again") return this.run(request, next)
            return Effect.flatMap(this.find(request), (now) => {
              const answers =
                now !== undefined &&
                (landing === "stored"
                  ? satisfies(now.fresh, now.directives, asked)
                  : landing === "standsIn" && standsIn(now.fresh, now.directives, asked))
              return answers
                ? Effect.succeed(fromStored(request, next, now.stored, now.fresh.age))
                : this.send(request, next, now, asked, undefined)
            })
          })
        )
      }
      return this.lead(key, (led) => restore(this.send(request, next, found, asked, led)))
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
  private refresh(request: Prepared, next: Next, found: Found): Effect.Effect<void> | undefined {
    const call = callOf(next)
    const at = request.middlewares.indexOf(this.middleware)
    if (call === undefined || at === -1) return undefined
    return Effect.suspend(() => {
      const key = likenessOf(request)
      if (this.refreshing(key)) return Effect.void
      return sendAside(call.core, request.middlewares.slice(at + 1), (aside) =>
        Effect.uninterruptibleMask((restore) => {
          // Others may have begun since.
          if (this.refreshing(key)) return Effect.void
          this.refreshes.add(key)
          const sent = this.lead(key, (flight) =>
            restore(
              Effect.flatMap(this.send(request, aside, found, new Map(), flight), () =>
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
    request: Prepared,
    next: Next,
    found: Found | undefined,
    asked: Directives,
    flight: Flight | undefined
  ): Effect.Effect<ClientResponse, ClientError> {
    return Effect.flatMap(this.sending, (sent) => {
      const errand = { request, next, asked, flight, sent }
      return found === undefined ? this.fetch(errand) : this.validate(errand, found)
    })
  }

  private readonly sending: Effect.Effect<Sent> = Effect.map(Clock.currentTimeMillis, (at) => ({
    since: this.store.moment,
    at
  }))

  private fetch(errand: Errand): Effect.Effect<ClientResponse, ClientError> {
    return Effect.tap(errand.next(errand.request), (response) => this.keep(errand, response, false))
  }

  /** Asks whether the stored response still holds (RFC 9111 section 4.3). */
  private validate(errand: Errand, found: Found): Effect.Effect<ClientResponse, ClientError> {
    const { asked, flight, next, request, sent } = errand
    const { stored } = found
    const [tag] = valuesOf(stored.headers, "etag")
    const [modified] = valuesOf(stored.headers, "last-modified")
    let conditioned = request
    if (tag !== undefined) conditioned = setHeader(conditioned, "If-None-Match", tag)
    if (modified !== undefined) conditioned = setHeader(conditioned, "If-Modified-Since", modified)
    const standIn = standsIn(found.fresh, found.directives, asked)
    const instead = () => {
      flight?.end("standsIn")
      return fromStored(request, next, stored, found.fresh.age)
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
        if (another) return Effect.zipRight(response.release, this.fetch(errand))
        return Effect.zipRight(
          response.release,
          Effect.map(this.freshen(request, stored, response, sent), ({ age, fresher }) => {
            flight?.end("stored")
            return fromStored(request, next, fresher, age)
          })
        )
      }
    })
  }

  /** The stored response with the header lines of a 304 or of a HEAD (RFC 9111 section 4.3.4). */
  private freshen(
    request: Prepared,
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
      return Effect.as(this.store.put(request.url, fresher, since), { fresher, age })
    })
  }

  /** What a HEAD says of the stored response (RFC 9111 section 4.3.5): it is still the same, or it is gone. */
  private compare(
    request: Prepared,
    stored: Stored | undefined,
    response: ClientResponse,
    sent: Sent
  ): Effect.Effect<void> {
    if (stored === undefined || response.status !== 200) return Effect.void
    const told = linesOf(response)
    const of = (name: string, lines: Stored["headers"]) => valuesOf(lines, name)[0]
    const differs = ["etag", "last-modified", "content-length"].some((name) => {
      const said = of(name, told)
      return said !== undefined && said !== of(name, stored.headers)
    })
    if (differs) return this.store.remove(request.url)
    const validated = ["etag", "last-modified"].some((name) => of(name, told) !== undefined)
    return validated ? Effect.asVoid(this.freshen(request, stored, response, sent)) : Effect.void
  }

  /**
   * Stores a response when its body has come, if that may be done and is of use. `supersedes`: an answer to a validation
   * that is not stored itself shows that what is stored is none any more (RFC 9111 section 4.3.3).
   */
  private keep(errand: Errand, response: ClientResponse, supersedes: boolean): Effect.Effect<void> {
    const { request, sent } = errand
    const gone = supersedes && response.status < 500 ? this.store.remove(request.url) : Effect.void
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const headers = linesOf(response)
      const vary = varyOf(headers)
      const { lifetime, storable } = freshness(response.status, headers, sent.at, now)
      const lasting = lifetime > 0 || valuesOf(headers, "etag").length + valuesOf(headers, "last-modified").length > 0
      const length = Option.getOrElse(response.contentLength, () => 0)
      if (!(response instanceof Response) || vary === undefined || !storable || !lasting) return gone
      if (length > this.maxBodySize) return gone
      const { reason, status } = response
      const selection = selectionOf(request, vary)
      return this.listen(errand, response, gone, (body) =>
        this.store.put(
          request.url,
          { who: whoOf(request), selection, receivedAt: sent.at, status, reason, headers, body },
          sent.since
        )
      )
    })
  }

  /** Stores the body when it has come; `gone` is what becomes of what was stored where it gets too large. */
  private listen(
    { flight, next }: Errand,
    response: Response,
    gone: Effect.Effect<void>,
    put: (body: string) => Effect.Effect<void>
  ): Effect.Effect<void> {
    return Effect.map(Effect.runtime<never>(), (runtime) => {
      // The body ends in a callback, and its reader does not wait for the store; the session's end does.
      const run = (effect: Effect.Effect<void>): void => {
        const fiber = Runtime.runFork(runtime)(effect)
        callOf(next)?.core.keep(fiber)
      }
      let large = false
      if (flight !== undefined) flight.carried = true
      response.tapBody((from) => {
        const { body, hurry } = listenTo(from, {
          limit: this.maxBodySize,
          hurries: () => flight?.wanted === true,
          onComplete: (bytes) =>
            run(
              Effect.ensuring(
                put(Buffer.from(bytes).toString("base64")),
                Effect.sync(() => flight?.end("stored"))
              )
            ),
          onLost: (why) => {
            if (why === "large" && !large) run(gone)
            large ||= why === "large"
            flight?.end(landings[why])
          }
        })
        if (flight !== undefined) flight.hurry = hurry
        if (flight?.wanted === true) hurry()
        return body
      })
    })
  }

  /** What an unsafe method has changed is not in the cache any more (RFC 9111 section 4.4). */
  private invalidate(request: Prepared, response: ClientResponse): Effect.Effect<void> {
    if (response.status < 200 || response.status >= 400) return Effect.void
    const urls = new Set([request.url])
    for (const name of ["location", "content-location"]) {
      const value = Option.getOrUndefined(response.header(name))
      if (value === undefined) continue
      const target = resolveLocation(value, request.target, request.defaults.requoteRedirectUrl)
      if (target instanceof InvalidURL || !sameOrigin(target.origin, request.target.origin)) continue
      urls.add(target.url)
    }
    return Effect.forEach(urls, (url) => this.store.remove(url), { discard: true })
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
