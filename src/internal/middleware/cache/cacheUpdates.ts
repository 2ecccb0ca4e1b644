/** Updates the store after a response of the server: adds, freshens, replaces or removes entries. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ClientResponse } from "../../../ClientResponse.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { Response } from "../../response/response.js"
import { callOf } from "../../session/middlewareChain.js"
import { invalidatedBy, type Lookup, sentAsForeseen } from "./cacheRequest.js"
import { type CacheStore, type Stored, varyOf } from "./cacheStore.js"
import { freshness, valuesOf } from "./freshness.js"
import { sameSelection, selectionOf } from "./identity.js"
import { keepBody } from "./keepBody.js"
import type { Flight } from "./singleFlight.js"
import { bodyHeaders, linesOf } from "./storedHeaders.js"

/** A request to the server for a lookup, and the state that its response needs. */
export interface FetchTask {
  readonly lookup: Lookup
  /** The flight for which other requests may wait. */
  readonly flight: Flight | undefined
  readonly moment: SendMoment
}

/** When a request was sent. */
export interface SendMoment {
  /** The last removal before the request. The response is not stored if its URL was removed later. */
  readonly since: number
  /** In milliseconds since the epoch. The age of the response counts from here (RFC 9111 section 4.2.3). */
  readonly at: number
}

export class CacheUpdates {
  private readonly store: CacheStore
  private readonly maxBodySize: number
  /** Records when a request is sent. */
  readonly currentMoment: Effect.Effect<SendMoment> = Effect.map(Clock.currentTimeMillis, (at) => ({
    since: this.store.lastRemoval,
    at
  }))

  constructor(store: CacheStore, maxBodySize: number) {
    this.store = store
    this.maxBodySize = maxBodySize
  }

  /** Updates the stored response with the headers of a 304 or a HEAD response (RFC 9111 section 4.3.4). */
  freshen(
    lookup: Lookup,
    stored: Stored,
    response: ClientResponse,
    { at: receivedAt, since }: SendMoment
  ): Effect.Effect<{ readonly fresher: Stored; readonly age: number }> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const newLines = linesOf(response).filter(([name]) => !bodyHeaders.has(name.toLowerCase()))
      const names = new Set(newLines.map(([name]) => name.toLowerCase()))
      // The Age of the old response does not apply to the revalidated one.
      const keptLines = stored.headers.filter(
        ([name]) => !names.has(name.toLowerCase()) && name.toLowerCase() !== "age"
      )
      const fresher: Stored = { ...stored, receivedAt, headers: [...keptLines, ...newLines] }
      const { age } = freshness(fresher.status, fresher.headers, receivedAt, now)
      return Effect.as(this.store.put(lookup.sent.url, fresher, since), { fresher, age })
    })
  }

  /**
   * Compares a HEAD response with the stored response (RFC 9111 section 4.3.5): updates the stored one if they match,
   * otherwise removes it.
   */
  compare(
    lookup: Lookup,
    stored: Stored | undefined,
    response: ClientResponse,
    moment: SendMoment
  ): Effect.Effect<void> {
    if (stored === undefined || response.status !== 200) return Effect.void
    if (sentAsForeseen(lookup, response) === undefined) return Effect.void
    const newLines = linesOf(response)
    const firstOf = (name: string, lines: Stored["headers"]) => valuesOf(lines, name)[0]
    const differs = ["etag", "last-modified", "content-length"].some((name) => {
      const newValue = firstOf(name, newLines)
      return newValue !== undefined && newValue !== firstOf(name, stored.headers)
    })
    if (differs) return this.store.removeIdentity(lookup.sent.url, lookup.identity)
    const validated = ["etag", "last-modified"].some((name) => firstOf(name, newLines) !== undefined)
    return validated ? Effect.asVoid(this.freshen(lookup, stored, response, moment)) : Effect.void
  }

  /**
   * Stores a response when its body is complete, if it is cacheable and worth storing. `supersedes` is true for the
   * response to a revalidation: if it is not stored, the old entry must be removed (RFC 9111 section 4.3.3).
   */
  keep(task: FetchTask, response: ClientResponse, supersedes: boolean): Effect.Effect<void> {
    const { lookup, moment } = task
    const { identity } = lookup
    const { url } = lookup.sent
    const actual = sentAsForeseen(lookup, response)
    if (!(response instanceof Response) || actual === undefined) return Effect.void
    const removeOld = supersedes && response.status < 500 ? this.store.removeIdentity(url, identity) : Effect.void
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const headers = linesOf(response)
      const vary = varyOf(headers)
      const { lifetime, storable } = freshness(response.status, headers, moment.at, now)
      const isReusable =
        lifetime > 0 || valuesOf(headers, "etag").length + valuesOf(headers, "last-modified").length > 0
      const length = Option.getOrElse(response.contentLength, () => 0)
      if (vary === undefined || !storable || !isReusable) return removeOld
      if (length > this.maxBodySize || !sameSelection(lookup.sent, actual, vary)) return removeOld
      const { reason, status, toleratesTruncatedCoding } = response
      const selection = selectionOf(actual, vary)
      const { flight } = task
      const put = (body: string) =>
        this.store.put(
          url,
          { identity, selection, receivedAt: moment.at, status, reason, headers, toleratesTruncatedCoding, body },
          moment.since
        )
      return keepBody(response, {
        flight,
        core: callOf(lookup.next)?.core,
        limit: this.maxBodySize,
        put,
        onTooLarge: removeOld
      })
    })
  }

  /** Removes the entries that an unsafe request invalidates (RFC 9111 section 4.4). */
  invalidate(request: PreparedRequest, response: ClientResponse): Effect.Effect<void> {
    if (response.status < 200 || response.status >= 400) return Effect.void
    return Effect.forEach(invalidatedBy(request, response), (url) => this.store.remove(url), { discard: true })
  }
}
