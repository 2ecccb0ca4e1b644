/** Writes a response body to a file. After a broken connection, further requests fetch the rest. */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RequestOptions } from "../../../ClientRequest.js"
import type { ClientResponse, FileOptions, ResponseHead } from "../../../ClientResponse.js"
import { type ClientError, ClientPayloadError, ClientResponseError, isClientConnectionError } from "../../../Errors.js"
import { stateOf } from "../../effect/fiberState.js"
import { contentRangeOf, validatorOf } from "../../http/byteRange.js"
import { redactUrl } from "../../redact.js"
import { mergeOptions } from "../../request/mergeOptions.js"
import { tooLarge } from "../../response/body/bodyReader.js"
import { readerLimit } from "../../response/readerLimit.js"
import { Response } from "../../response/response.js"
import { type FileTarget, withFileTarget } from "./fileTarget.js"
import { headersOf, type LastHop, lastHopOf, type Rest, rangeFrom, sendAgain } from "./lastHop.js"
import { sourceOf, type Unfinished } from "./unfinishedFile.js"

// Repeats the tag by its key, because the module that declares it imports this one.
const CurrentRequestOptions = Context.GenericTag<RequestOptions>("effect-http-session/Session/CurrentRequestOptions")

/** How often a download resumes by default. */
const defaultResume = 3

/** The type of `ClientResponse.use`. */
export type Use = <E, R, A, E2, R2>(
  self: Effect.Effect<ClientResponse, E, R>,
  f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
) => Effect.Effect<A, E | E2, R2 | Exclude<R, Scope>>

/** The state of one download. */
class Download {
  /** The head of the first response. */
  private head: ResponseHead | undefined = undefined
  /** The hop to repeat for the rest of the file. */
  private lastHop: LastHop | undefined = undefined
  /** Whether the response extends to the end of the file. `false` for a range that the caller requested. */
  private reachesEnd = false
  private offset: number
  private total: number | undefined
  private validator: string | undefined
  private source: string | undefined
  private readonly target: FileTarget
  private readonly onProgress: FileOptions["onProgress"]

  constructor(target: FileTarget, onProgress: FileOptions["onProgress"]) {
    this.target = target
    this.onProgress = onProgress
    const { unfinished } = target
    this.offset = unfinished?.offset ?? 0
    this.total = unfinished?.total
    this.validator = unfinished?.validator
    this.source = unfinished?.source
  }

  /** The state that a later run needs to continue; `undefined` if it would have to start over. */
  get unfinished(): Unfinished | undefined {
    const { offset, source, total, validator } = this
    return offset === 0 || validator === undefined || source === undefined
      ? undefined
      : { offset, source, total, validator }
  }

  /** The missing part, if it can be requested; otherwise the download starts over. */
  get rest(): Rest | undefined {
    const { offset, validator } = this
    return offset === 0 || validator === undefined ? undefined : { offset, validator }
  }

  /**
   * The hop to repeat after a break. `undefined` if neither the rest can be requested nor the written bytes removed.
   */
  get repeatable(): LastHop | undefined {
    if (!this.reachesEnd) return undefined
    return this.rest !== undefined || this.offset === 0 || this.target.truncate !== undefined ? this.lastHop : undefined
  }

  /**
   * Writes a response body to the file, and succeeds with the head of the first response. Succeeds with `undefined` if
   * the server sent an unexpected range; then the file must be requested from its beginning.
   */
  receive(response: ClientResponse): Effect.Effect<ResponseHead | undefined, ClientError | PlatformError> {
    return Effect.suspend(() => {
      const head = this.head
      if (head === undefined) return this.rest === undefined ? this.begin(response) : this.resume(response, this.rest)
      if (response.status === 206 && this.continues(response)) return this.complete(response, head)
      if (response.status === 206 || response.status === 416) return Effect.as(this.discardWritten(), undefined)
      if (response.status !== 304 && (response.status < 200 || response.status > 299)) return failForStatus(response)
      return this.beginAnew(response)
    })
  }

  /** Handles the first response when an earlier run left a partial file. */
  private resume(
    response: ClientResponse,
    { offset }: Rest
  ): Effect.Effect<ResponseHead | undefined, ClientError | PlatformError> {
    const { status } = response
    if (status === 304 || ((status < 200 || status > 299) && status !== 416)) return this.begin(response)
    // A Range header of the caller wins over the one for the unfinished file.
    const partial = status === 206 || status === 416
    if (!partial || response.requestInfo.headers.range !== rangeFrom(offset)) return this.beginAnew(response)
    this.reachesEnd = true
    this.lastHop = lastHopOf(response)
    if (status === 416 || this.source !== sourceOf(response) || !this.continues(response)) {
      return Effect.as(this.discardWritten(), undefined)
    }
    const head = response instanceof Response ? response.toHead() : response
    this.head = head
    return this.complete(response, head)
  }

  private begin(response: ClientResponse): Effect.Effect<ResponseHead, ClientError | PlatformError> {
    const head = response instanceof Response ? response.toHead() : response
    if (response.status === 304) {
      this.head = head
      return Effect.succeed(head)
    }
    if (response.status < 200 || response.status > 299) return failForStatus(response)
    this.head = head
    this.reachesEnd = response.status === 200
    this.lastHop = lastHopOf(response)
    this.source = this.reachesEnd ? sourceOf(response) : undefined
    const isUncoded = Option.isNone(response.header("content-encoding"))
    this.validator = isUncoded ? validatorOf(response) : undefined
    this.total = isUncoded ? Option.getOrUndefined(response.contentLength) : undefined
    // Takes the head again, because it also reports deviations in the framing of the body once that has been read.
    return Effect.map(this.append(response, head), () => (response instanceof Response ? response.toHead() : response))
  }

  private beginAnew(response: ClientResponse): Effect.Effect<ResponseHead, ClientError | PlatformError> {
    return Effect.flatMap(this.discardWritten(), () => this.begin(response))
  }

  private continues(response: ClientResponse): boolean {
    const range = contentRangeOf(response)
    if (range === undefined || range.start !== this.offset || Option.isSome(response.header("content-encoding"))) {
      return false
    }
    const etag = Option.getOrUndefined(response.header("etag"))
    const modified = Option.getOrUndefined(response.header("last-modified"))
    const validated = this.validator?.startsWith('"') === true ? etag : modified
    if (validated !== undefined && validated !== this.validator) return false
    if (range.total !== undefined && this.total !== undefined && range.total !== this.total) return false
    this.total ??= range.total
    // The range must extend to the end of the file.
    return this.total !== undefined && range.end === this.total - 1
  }

  /** Appends the body to the file, and fails if the file is then incomplete. */
  private complete(
    response: ClientResponse,
    head: ResponseHead
  ): Effect.Effect<ResponseHead, ClientError | PlatformError> {
    return Effect.tap(this.append(response, head), () =>
      this.total === undefined || this.offset === this.total ? Effect.void : Effect.fail(this.failure("Incomplete"))
    )
  }

  private append(
    response: ClientResponse,
    head: ResponseHead
  ): Effect.Effect<ResponseHead, ClientError | PlatformError> {
    return Effect.withFiberRuntime((fiber) => {
      // Each response enforces the limit for its own body; this enforces it for the whole file.
      const settings = response instanceof Response ? response.source.settings : undefined
      const limit = Math.min(settings?.maxBodySize ?? Infinity, readerLimit(stateOf(fiber)))
      return Effect.as(
        Stream.runForEach(response.stream, (bytes) =>
          Effect.suspend((): Effect.Effect<void, ClientPayloadError | PlatformError> => {
            if (this.offset + bytes.length > limit) return Effect.fail(this.failure("TooLarge", tooLarge(limit)))
            return Effect.zipRight(this.target.write(bytes), this.advance(bytes.length))
          })
        ),
        head
      )
    })
  }

  /** Counts written bytes. */
  private advance(count: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.offset += count
      return this.onProgress === undefined
        ? Effect.void
        : this.onProgress({
            direction: "download",
            transferred: this.offset,
            total: Option.fromNullable(this.total)
          })
    })
  }

  /** Removes the written bytes. If that is impossible, fails without another attempt, which would write them twice. */
  private discardWritten(): Effect.Effect<void, ClientPayloadError | PlatformError> {
    return Effect.suspend((): Effect.Effect<void, ClientPayloadError | PlatformError> => {
      const { truncate } = this.target
      if (this.offset > 0 && truncate === undefined) {
        this.lastHop = undefined
        return Effect.fail(this.failure("Incomplete"))
      }
      this.offset = 0
      this.total = undefined
      this.validator = undefined
      this.source = undefined
      return truncate === undefined ? Effect.void : truncate(0)
    })
  }

  /**
   * Prepares the file for another response. Without a validator, removes the written bytes, because the rest might
   * belong to a newer version of the file.
   */
  recover(): Effect.Effect<void, ClientPayloadError | PlatformError> {
    return Effect.suspend(() =>
      this.validator === undefined ? this.discardWritten() : (this.target.truncate?.(this.offset) ?? Effect.void)
    )
  }

  /** An error for the file as a whole. */
  failure(reason: "Incomplete" | "TooLarge", cause?: Error): ClientPayloadError {
    const { head, offset, total } = this
    return new ClientPayloadError({
      ...(head === undefined ? {} : { method: head.method, url: redactUrl(head.url) }),
      reason,
      received: offset,
      ...(total === undefined ? {} : { expected: total }),
      ...(cause === undefined ? {} : { cause })
    })
  }
}

const failForStatus = (response: ClientResponse): Effect.Effect<never, ClientResponseError> =>
  response instanceof Response
    ? response.raise
    : Effect.fail(
        new ClientResponseError({
          method: response.method,
          url: response.url,
          status: response.status,
          reason: response.reason,
          headers: response.headers,
          history: response.history,
          body: ""
        })
      )

/** Whether the download can resume after this error. */
const isBreak = (error: unknown): boolean =>
  error instanceof ClientPayloadError
    ? error.reason === "Incomplete" || error.reason === "Framing"
    : isClientConnectionError(error)

const withHeaders = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>,
  headers: { readonly [name: string]: string }
): Effect.Effect<ClientResponse, E, R> =>
  Effect.flatMap(Effect.serviceOption(CurrentRequestOptions), (current) =>
    Effect.mapInputContext(self, (context: Context.Context<R>) =>
      Context.add(
        context,
        CurrentRequestOptions,
        mergeOptions(
          Option.getOrElse(current, () => ({})),
          { headers }
        )
      )
    )
  )

/** Downloads into `target`. After a break, repeats only the last hop. */
const fill = <E, R>(
  use: Use,
  self: Effect.Effect<ClientResponse, E, R>,
  target: FileTarget,
  options: FileOptions | undefined
): Effect.Effect<ResponseHead, E | ClientError | PlatformError, Exclude<R, Scope>> => {
  type FillEffect<A, E2, R2> = Effect.Effect<A, E2 | ClientError | PlatformError, R2>
  const download = new Download(target, options?.onProgress)
  const receive = (response: ClientResponse) => download.receive(response)
  const resumeAfterBreak = <E2, R2>(
    attempt: FillEffect<ResponseHead | undefined, E2, R2>,
    resumesLeft: number
  ): FillEffect<ResponseHead, E2, R2> =>
    Effect.flatMap(
      Effect.catchAll(attempt, (error) =>
        resumesLeft > 0 && download.repeatable !== undefined && isBreak(error)
          ? Effect.as(download.recover(), undefined)
          : Effect.fail(error)
      ),
      (head) => (head === undefined ? fetchRest(resumesLeft) : Effect.as(target.sync, head))
    )
  const fetchRest = (resumesLeft: number): FillEffect<ResponseHead, never, never> =>
    Effect.suspend(() => {
      const hop = download.repeatable
      return resumesLeft > 0 && hop !== undefined
        ? resumeAfterBreak(sendAgain(hop, download.rest, receive), resumesLeft - 1)
        : Effect.fail(download.failure("Incomplete"))
    })
  const headers = { "accept-encoding": "identity", ...(download.rest === undefined ? {} : headersOf(download.rest)) }
  const { resume = defaultResume } = options ?? {}
  const resumes = resume === true ? defaultResume : resume === false ? 0 : resume
  return Effect.onExit(resumeAfterBreak(use(withHeaders(self, headers), receive), resumes), (exit) => {
    const { unfinished } = download
    return Exit.isSuccess(exit) || unfinished === undefined || !isWorthKeeping(exit.cause)
      ? Effect.void
      : target.leave(unfinished)
  })
}

/** Whether a later run can continue the file after a failure. */
const isWorthKeeping = (cause: Cause.Cause<unknown>): boolean => {
  const failure = Cause.failureOption(cause)
  return Option.isSome(failure)
    ? !(failure.value instanceof ClientPayloadError) || isBreak(failure.value)
    : Cause.isInterruptedOnly(cause)
}

/** Writes a body to the file that `path` refers to. A regular file is replaced once the body is complete. */
export const toFile = <E, R>(
  use: Use,
  self: Effect.Effect<ClientResponse, E, R>,
  path: string,
  options: FileOptions | undefined
): Effect.Effect<ResponseHead, E | ClientError | PlatformError, FileSystem.FileSystem | Exclude<R, Scope>> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    withFileTarget(fs, path, (target) => fill(use, self, target, options), {
      keep: (head) => head.status !== 304,
      acrossRuns: options?.resume === true
    })
  )
