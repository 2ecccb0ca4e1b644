/**
 * A private cache (RFC 9111) around each hop.
 */
import { KeyValueStore } from "@effect/platform/KeyValueStore"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, isClientConnectionError, isServerTimeoutError } from "../../Errors.js"
import type { Middleware, Next } from "../../Middleware.js"
import { setHeader } from "../session/changes.js"
import type { Prepared } from "../session/prepared.js"
import { Response } from "../session/response.js"
import { decodeText } from "../transport/http1/head.js"
import { listenTo } from "./cacheBody.js"
import { type Directives, parseDirectives } from "./cacheControl.js"
import { CacheStore, type Stored, selectionOf, varyOf, whoOf } from "./cacheEntry.js"
import { type Freshness, freshness, type Lines, satisfies, standsIn, valuesOf } from "./cachePolicy.js"
import { fromStored, gatewayTimeout } from "./cacheResponse.js"
import { preparedOf } from "./request.js"

/** RFC 9110 section 9.2.1. */
const safe: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"])

/** Of one connection, of one exchange, or nobody's business but the first receiver's. */
const unstored: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "authentication-info",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "set-cookie"
])

/** What belongs to the stored body, whatever a 304 says (RFC 9111 section 3.2). */
const ofBody: ReadonlySet<string> = new Set(["content-length", "content-encoding", "content-range", "content-type"])

const text = (bytes: Uint8Array): string => decodeText(Buffer.from(bytes).toString("latin1"))

/** Header lines to be stored: those that Connection names are not (RFC 9111 section 3.1). */
const linesOf = (response: ClientResponse): Lines => {
  const named = new Set(
    response
      .headerValues("connection")
      .flatMap((value) => value.split(","))
      .map((name) => name.trim().toLowerCase())
  )
  return response.rawHeaders
    .map(([name, value]) => [text(name), text(value)] as const)
    .filter(([name]) => !unstored.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
}

/** Conditions and ranges of the caller's own are between him and the server. */
const conditional = ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]

const directivesOf = (request: Prepared): Directives => {
  const fields = valuesOf(request.headers, "cache-control")
  if (fields.length > 0) return parseDirectives(fields)
  // RFC 9111 section 5.4.
  return /\bno-cache\b/i.test(valuesOf(request.headers, "pragma").join(",")) ? new Map([["no-cache", ""]]) : new Map()
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

class Cache {
  private readonly store: CacheStore
  private readonly maxBodySize: number

  constructor(store: CacheStore, maxBodySize: number) {
    this.store = store
    this.maxBodySize = maxBodySize
  }

  run(request: Prepared, next: Next): Effect.Effect<ClientResponse, ClientError> {
    if (!safe.has(request.method)) return Effect.tap(next(request), (response) => this.invalidate(request, response))
    const asked = directivesOf(request)
    const answerable = request.method === "GET" && request.body._tag === "Empty" && request.fault === undefined
    if (!answerable || asked.has("no-store") || conditional.some((name) => request.header(name)._tag === "Some")) {
      return next(request)
    }
    return Effect.flatMap(this.find(request), (found) => {
      if (found !== undefined && satisfies(found.fresh, found.directives, asked)) {
        return Effect.succeed(fromStored(request, next, found.stored, found.fresh.age))
      }
      if (asked.has("only-if-cached")) return Effect.succeed(gatewayTimeout(request, next))
      return found === undefined ? this.fetch(request, next) : this.validate(request, next, found, asked)
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

  private fetch(request: Prepared, next: Next): Effect.Effect<ClientResponse, ClientError> {
    return Effect.tap(next(request), (response) => this.keep(request, response))
  }

  /** Asks whether the stored response still holds (RFC 9111 section 4.3). */
  private validate(
    request: Prepared,
    next: Next,
    found: Found,
    asked: Directives
  ): Effect.Effect<ClientResponse, ClientError> {
    const { stored } = found
    const [tag] = valuesOf(stored.headers, "etag")
    const [modified] = valuesOf(stored.headers, "last-modified")
    let conditioned = request
    if (tag !== undefined) conditioned = setHeader(conditioned, "If-None-Match", tag)
    if (modified !== undefined) conditioned = setHeader(conditioned, "If-Modified-Since", modified)
    const standIn = standsIn(found.fresh, found.directives, asked)
    const instead = () => fromStored(request, next, stored, found.fresh.age)
    return Effect.matchEffect(next(conditioned), {
      onFailure: (error) => (standIn && isPassing(error) ? Effect.sync(instead) : Effect.fail(error)),
      onSuccess: (response) => {
        if (standIn && errorStatuses.has(response.status)) return Effect.map(response.release, instead)
        if (response.status !== 304 || conditioned === request) return Effect.as(this.keep(request, response), response)
        const said = Option.getOrUndefined(response.header("etag"))
        const another = said !== undefined && tag !== undefined && !sameTag(said, tag)
        return Effect.zipRight(
          response.release,
          another ? this.fetch(request, next) : this.freshen(request, next, stored, response)
        )
      }
    })
  }

  /** The stored response with the header lines of a 304 (RFC 9111 section 4.3.4). */
  private freshen(
    request: Prepared,
    next: Next,
    stored: Stored,
    response: ClientResponse
  ): Effect.Effect<ClientResponse> {
    return Effect.flatMap(Clock.currentTimeMillis, (receivedAt) => {
      const lines = linesOf(response).filter(([name]) => !ofBody.has(name.toLowerCase()))
      const names = new Set(lines.map(([name]) => name.toLowerCase()))
      // An Age of the old response says nothing of the one that was validated.
      const kept = stored.headers.filter(([name]) => !names.has(name.toLowerCase()) && name.toLowerCase() !== "age")
      const fresher: Stored = { ...stored, receivedAt, headers: [...kept, ...lines] }
      const { age } = freshness(fresher.status, fresher.headers, receivedAt, receivedAt)
      return Effect.as(this.store.put(request.url, fresher), fromStored(request, next, fresher, age))
    })
  }

  /** Stores a response when its body has come, if that may be done and is of use. */
  private keep(request: Prepared, response: ClientResponse): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (receivedAt) => {
      const headers = linesOf(response)
      const vary = varyOf(headers)
      const { lifetime, storable } = freshness(response.status, headers, receivedAt, receivedAt)
      const lasting = lifetime > 0 || valuesOf(headers, "etag").length + valuesOf(headers, "last-modified").length > 0
      const length = Option.getOrElse(response.contentLength, () => 0)
      if (!(response instanceof Response) || vary === undefined || !storable || !lasting) return Effect.void
      if (length > this.maxBodySize) return Effect.void
      const { reason, status } = response
      const stored = { who: whoOf(request), selection: selectionOf(request, vary), receivedAt, status, reason, headers }
      return Effect.map(Effect.runtime<never>(), (runtime) =>
        response.tapBody((body) =>
          listenTo(body, this.maxBodySize, (bytes) => {
            // The body ends in a callback, and its reader does not wait for the store.
            const put = this.store.put(request.url, { ...stored, body: Buffer.from(bytes).toString("base64") })
            Runtime.runFork(runtime)(put)
          })
        )
      )
    })
  }

  /** What an unsafe method has changed is not in the cache any more (RFC 9111 section 4.4). */
  private invalidate(request: Prepared, response: ClientResponse): Effect.Effect<void> {
    if (response.status < 200 || response.status >= 400) return Effect.void
    const urls = new Set([request.url])
    for (const name of ["location", "content-location"]) {
      const value = Option.getOrUndefined(response.header(name))
      if (value === undefined || !URL.canParse(value, request.url)) continue
      const url = new URL(value, request.url)
      url.hash = ""
      if (url.origin === new URL(request.url).origin) urls.add(url.href)
    }
    return Effect.forEach(urls, (url) => this.store.remove(url), { discard: true })
  }
}

/** 1 MiB. */
const defaultMaxBodySize = 1024 * 1024

export const cache = (options: {
  readonly maxBodySize?: number | undefined
}): Effect.Effect<Middleware, never, KeyValueStore> =>
  Effect.map(KeyValueStore, (store): Middleware => {
    const state = new Cache(new CacheStore(store), options.maxBodySize ?? defaultMaxBodySize)
    return (request, next) => state.run(preparedOf(request), next)
  })
