/** Updates the store after a response of the server: adds, freshens, replaces or removes entries. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ClientResponse } from "../../../ClientResponse.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { Response } from "../../response/response.js"
import { callOf } from "../../session/middlewareChain.js"
import { invalidatedBy, type Lookup, sentAsAsked } from "./cacheRequest.js"
import { type CacheStore, type Stored, varyOf } from "./cacheStore.js"
import { freshness, valuesOf } from "./freshness.js"
import { sameSelection, selectionOf } from "./identity.js"
import { keepBody } from "./keepBody.js"
import type { Flight } from "./singleFlight.js"
import { linesOf, ofBody } from "./storedHeaders.js"

/** A request to the server for a lookup, and the state that its response needs. */
export interface FetchTask {
  readonly lookup: Lookup
  /** The flight for which other requests may wait. */
  readonly flight: Flight | undefined
  readonly sent: Sent
}

/** When a request was sent. */
export interface Sent {
  /** The last removal before the request. The response is not stored if its URL was removed later. */
  readonly since: number
  /** In milliseconds since the epoch. The age of the response counts from here (RFC 9111 section 4.2.3). */
  readonly at: number
}

export class CacheUpdates {
  private readonly store: CacheStore
  private readonly maxBodySize: number
  /** Records when a request is sent. */
  readonly sending: Effect.Effect<Sent> = Effect.map(Clock.currentTimeMillis, (at) => ({
    since: this.store.moment,
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
    { at: receivedAt, since }: Sent
  ): Effect.Effect<{ readonly fresher: Stored; readonly age: number }> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const lines = linesOf(response).filter(([name]) => !ofBody.has(name.toLowerCase()))
      const names = new Set(lines.map(([name]) => name.toLowerCase()))
      // The Age of the old response does not apply to the revalidated one.
      const kept = stored.headers.filter(([name]) => !names.has(name.toLowerCase()) && name.toLowerCase() !== "age")
      const fresher: Stored = { ...stored, receivedAt, headers: [...kept, ...lines] }
      const { age } = freshness(fresher.status, fresher.headers, receivedAt, now)
      return Effect.as(this.store.put(lookup.sent.url, fresher, since), { fresher, age })
    })
  }

  /**
   * Compares a HEAD response with the stored response (RFC 9111 section 4.3.5): updates the stored one if they match,
   * otherwise removes it.
   */
  compare(lookup: Lookup, stored: Stored | undefined, response: ClientResponse, sent: Sent): Effect.Effect<void> {
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
   * Stores a response when its body is complete, if it is cacheable and worth storing. `supersedes` is true for the
   * response to a revalidation: if it is not stored, the old entry must be removed (RFC 9111 section 4.3.3).
   */
  keep(task: FetchTask, response: ClientResponse, supersedes: boolean): Effect.Effect<void> {
    const { lookup, sent } = task
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
      const { flight } = task
      const put = (body: string) =>
        this.store.put(
          url,
          { identity, selection, receivedAt: sent.at, status, reason, headers, toleratesTruncatedCoding, body },
          sent.since
        )
      return keepBody(response, { flight, core: callOf(lookup.next)?.core, limit: this.maxBodySize, put, gone })
    })
  }

  /** Removes the entries that an unsafe request invalidates (RFC 9111 section 4.4). */
  invalidate(request: PreparedRequest, response: ClientResponse): Effect.Effect<void> {
    if (response.status < 200 || response.status >= 400) return Effect.void
    return Effect.forEach(invalidatedBy(request, response), (url) => this.store.remove(url), { discard: true })
  }
}
