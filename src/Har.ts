/**
 * Records requests as HTTP Archive (HAR) 1.2 files, which browser developer tools can open.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import { FileSystem } from "@effect/platform/FileSystem"
import type * as Headers from "@effect/platform/Headers"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type { ResponseHead } from "./ClientResponse.js"
import * as MediaType from "./internal/http/mediaType.js"
import { redactBody } from "./internal/redact.js"
import { userAgent } from "./internal/request/automaticHeaders.js"
import * as Charset from "./internal/response/body/charset.js"
import { type Attempt, attemptsOf } from "./internal/tracing/attempts.js"
import { collectInto } from "./internal/tracing/collecting.js"
import type { Signal } from "./Tracing.js"

/**
 * An HTTP archive for browser developer tools, with secrets redacted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Har {
  readonly log: {
    readonly version: "1.2"
    readonly creator: { readonly name: string; readonly version: string }
    readonly entries: ReadonlyArray<Entry>
  }
}

/**
 * One attempt of a request; each redirect hop, resend and retry has its own entry. Times are in milliseconds. In
 * `timings`, "blocked", "dns", "connect" (which includes "ssl" and the proxy) and "ssl" are -1 if they did not occur.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  readonly startedDateTime: string
  readonly time: number
  readonly request: unknown
  readonly response: unknown
  readonly timings: { readonly [phase: string]: number }
  readonly connection?: string | undefined
  /** The number of the request's stream on an HTTP/2 connection. */
  readonly _streamId?: number | undefined
  readonly serverIPAddress?: string | undefined
}

/**
 * Options of an archive.
 *
 * @since 0.1.0
 * @category models
 */
export interface HarOptions {
  /**
   * How many bytes of each body the archive contains at most. Default 0. Form fields and JSON members with secret names
   * are redacted.
   */
  readonly maxBodySize?: number | undefined
}

const pairsOf = (headers: Headers.Headers | undefined): ReadonlyArray<{ readonly name: string; value: string }> =>
  headers === undefined ? [] : Object.entries(headers).map(([name, value]) => ({ name, value }))

/** The first `size` bytes of chunks. */
const firstBytes = (chunks: ReadonlyArray<Uint8Array>, size: number): Buffer => {
  const parts: Array<Uint8Array> = []
  let left = size
  for (const chunk of chunks) {
    if (left <= 0) break
    parts.push(chunk.subarray(0, left))
    left -= chunk.length
  }
  return Buffer.concat(parts)
}

const isText = (mimeType: string): boolean => /^text\/|json|xml|javascript|x-www-form-urlencoded/i.test(mimeType)

/** Redacts the fields of a multipart body, whose parts may be any bytes. */
const withoutSecrets = (bytes: Buffer, mimeType: string): Buffer =>
  /^multipart\//i.test(mimeType) ? Buffer.from(redactBody(bytes.toString("latin1"), mimeType), "latin1") : bytes

/** Text as it is, other bytes in base64. Form fields and JSON members with secret names are redacted. */
const contentOf = (bytes: Buffer, mimeType: string) =>
  isText(mimeType)
    ? {
        text: redactBody(
          Charset.decode(bytes, Charset.encodingOf(bytes, MediaType.parse(mimeType).charset, Charset.noFallback)),
          mimeType
        )
      }
    : { text: withoutSecrets(bytes, mimeType).toString("base64"), encoding: "base64" }

const queryOf = (url: string): ReadonlyArray<{ readonly name: string; readonly value: string }> =>
  URL.canParse(url) ? Array.from(new URL(url).searchParams, ([name, value]) => ({ name, value })) : []

const requestOf = (attempt: Attempt, maxBodySize: number) => {
  const mimeType = attempt.requestHeaders?.["content-type"] ?? "application/octet-stream"
  const body = maxBodySize > 0 && attempt.sent.length > 0 ? firstBytes(attempt.sent, maxBodySize) : undefined
  return {
    method: attempt.method,
    url: attempt.url,
    httpVersion: `HTTP/${attempt.response?.version ?? "1.1"}`,
    cookies: [],
    headers: pairsOf(attempt.requestHeaders),
    queryString: queryOf(attempt.url),
    ...(body === undefined ? undefined : { postData: { mimeType, params: [], ...contentOf(body, mimeType) } }),
    headersSize: -1,
    bodySize: attempt.sentBytes
  }
}

const noResponse = (error: string | undefined) => ({
  status: 0,
  statusText: "",
  httpVersion: "",
  cookies: [],
  headers: [],
  content: { size: 0, mimeType: "x-unknown" },
  redirectURL: "",
  headersSize: -1,
  bodySize: -1,
  ...(error === undefined ? undefined : { _error: error })
})

const responseOf = (attempt: Attempt, response: ResponseHead, maxBodySize: number) => {
  const mimeType = response.headers["content-type"] ?? "x-unknown"
  const body = maxBodySize > 0 && attempt.received.length > 0 ? firstBytes(attempt.received, maxBodySize) : undefined
  return {
    status: response.status,
    statusText: response.reason,
    httpVersion: `HTTP/${response.version}`,
    cookies: [],
    headers: pairsOf(response.headers),
    content: {
      size: attempt.decodedBytes ?? 0,
      mimeType,
      ...(body === undefined ? undefined : contentOf(body, mimeType))
    },
    redirectURL: attempt.location ?? "",
    headersSize: -1,
    bodySize: attempt.receivedBytes ?? -1,
    ...(attempt.error === undefined ? undefined : { _error: attempt.error })
  }
}

const timingsOf = (attempt: Attempt) => {
  const connect = [attempt.spent("connect"), attempt.spent("proxy"), attempt.spent("tls")]
  const connected = connect.some((part) => part !== undefined)
  return {
    blocked: attempt.spent("queue") ?? -1,
    dns: attempt.spent("dns") ?? -1,
    connect: connected ? connect.reduce<number>((total, part) => total + (part ?? 0), 0) : -1,
    ssl: attempt.spent("tls") ?? -1,
    send: attempt.spent("send") ?? 0,
    wait: attempt.spent("headers") ?? 0,
    receive: attempt.spent("body") ?? 0
  }
}

/** Converts monotonic time, which starts with the process, to a date. Time of a custom Clock already is absolute. */
const dateOf = (time: number): string =>
  DateTime.formatIso(DateTime.unsafeMake(time > performance.timeOrigin / 2 ? time : performance.timeOrigin + time))

const entryOf = (attempt: Attempt, maxBodySize: number): Entry => {
  const timings = timingsOf(attempt)
  const { blocked, connect, dns, receive, send, wait } = timings
  let time = 0
  for (const part of [blocked, dns, connect, send, wait, receive]) time += Math.max(0, part)
  const { connectionId, remoteAddress, response, streamId } = attempt
  return {
    startedDateTime: dateOf(attempt.start),
    time,
    request: requestOf(attempt, maxBodySize),
    response: response === undefined ? noResponse(attempt.error) : responseOf(attempt, response, maxBodySize),
    ...{ cache: {} },
    timings,
    ...(connectionId === undefined ? undefined : { connection: String(connectionId) }),
    ...(streamId === undefined ? undefined : { _streamId: streamId }),
    ...(remoteAddress === undefined ? undefined : { serverIPAddress: remoteAddress })
  }
}

/**
 * Creates an archive from signals, for example those of `Tracing.collect`, with one entry per attempt.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromSignals = (signals: Iterable<Signal>, options?: HarOptions): Har => {
  const [name = "", version = ""] = (userAgent.split(" ")[0] ?? "").split("/")
  const maxBodySize = options?.maxBodySize ?? 0
  return {
    log: {
      version: "1.2",
      creator: { name, version },
      entries: attemptsOf(signals).map((attempt) => entryOf(attempt, maxBodySize))
    }
  }
}

/** Shortens a chunk to the part that the archive will contain. */
const withShortChunk = (signal: Signal, maxBodySize: number): Signal => {
  if (signal._tag !== "RequestChunkSent" && signal._tag !== "ResponseChunkReceived") return signal
  const room = maxBodySize - (signal.transferred - signal.chunk.length)
  return room >= signal.chunk.length ? signal : { ...signal, chunk: signal.chunk.slice(0, Math.max(0, room)) }
}

/**
 * Runs `self` and writes an archive of its requests to `path`, also if `self` fails or is interrupted.
 *
 * **Example** (An archive for a browser's developer tools)
 *
 * ```ts
 * import { ClientResponse, Har, Session } from "effect-http-session"
 *
 * export const program = Session.get("https://example.com/").pipe(
 *   ClientResponse.text,
 *   Har.record("example.har", { maxBodySize: 4096 })
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const record: {
  (
    path: string,
    options?: HarOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | PlatformError, R | FileSystem>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    path: string,
    options?: HarOptions
  ): Effect.Effect<A, E | PlatformError, R | FileSystem>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    path: string,
    options?: HarOptions
  ): Effect.Effect<A, E | PlatformError, R | FileSystem> =>
    Effect.flatMap(FileSystem, (fs) =>
      Effect.uninterruptibleMask((restore) => {
        const signals: Array<Signal> = []
        const maxBodySize = options?.maxBodySize ?? 0
        const watched = collectInto(self, { signal: (signal) => signals.push(withShortChunk(signal, maxBodySize)) })
        return Effect.flatMap(Effect.exit(restore(watched)), (exit) =>
          Effect.matchCauseEffect(
            Effect.suspend(() => fs.writeFileString(path, JSON.stringify(fromSignals(signals, options), null, 2))),
            {
              onFailure: (cause): Effect.Effect<A, E | PlatformError> =>
                Effect.failCause(Exit.isFailure(exit) ? Cause.sequential(exit.cause, cause) : cause),
              onSuccess: () => exit
            }
          )
        )
      })
    )
)
