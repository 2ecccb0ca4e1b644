/**
 * A body on its way into a file, over as many responses as it takes.
 */
import { randomBytes } from "node:crypto"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RequestOptions } from "../../ClientRequest.js"
import type { ClientResponse, FileOptions, ResponseHead } from "../../ClientResponse.js"
import { type ClientError, ClientPayloadError, ClientResponseError, isClientConnectionError } from "../../Errors.js"
import { contentRangeOf, validatorOf } from "../http/byteRange.js"
import { mergeOptions } from "../request/mergeOptions.js"
import { Response } from "../response/response.js"

// By its key: the session's module stands above this one.
const CurrentRequestOptions = Context.GenericTag<RequestOptions>("effect-http-session/Session/CurrentRequestOptions")

/** How often the rest is asked for. */
const defaultResume = 3

/** `ClientResponse.use`. */
export type Use = <E, R, A, E2, R2>(
  self: Effect.Effect<ClientResponse, E, R>,
  f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
) => Effect.Effect<A, E | E2, R2 | Exclude<R, Scope>>

/** One file as far as it is written. */
class Download {
  /** The response that the file is made of. */
  private head: ResponseHead | undefined = undefined
  private offset = 0
  private total: number | undefined = undefined
  private validator: string | undefined = undefined
  private readonly file: FileSystem.File
  private readonly onProgress: FileOptions["onProgress"]

  constructor(file: FileSystem.File, onProgress: FileOptions["onProgress"]) {
    this.file = file
    this.onProgress = onProgress
  }

  /** Without a coding, so that the file's bytes and the server's are the same. */
  get headers(): { readonly [name: string]: string } {
    const identity = { "accept-encoding": "identity" }
    return this.offset === 0 || this.validator === undefined
      ? identity
      : { ...identity, range: `bytes=${this.offset}-`, "if-range": this.validator }
  }

  /** Whether the request may be made again: it is safe, and it did not ask for a part itself. */
  get repeatable(): boolean {
    return this.head?.method === "GET" && this.head.status === 200
  }

  /**
   * Writes a response's body where it belongs, and gives the head that the file is made of; none where this is not what
   * was asked for, and all has to be asked for again.
   */
  receive(response: ClientResponse): Effect.Effect<ResponseHead | undefined, ClientError | PlatformError> {
    return Effect.suspend(() => {
      const head = this.head
      if (head === undefined) return this.begin(response)
      if (response.status === 206 && this.continues(response)) return this.complete(response, head)
      if (response.status === 206 || response.status === 416) return Effect.as(this.forget(), undefined)
      return Effect.zipRight(this.forget(), this.begin(response))
    })
  }

  private begin(response: ClientResponse): Effect.Effect<ResponseHead, ClientError | PlatformError> {
    const head = response instanceof Response ? response.toHead() : response
    if (response.status === 304) {
      this.head = head
      return Effect.succeed(head)
    }
    if (response.status < 200 || response.status > 299) return refuse(response)
    this.head = head
    const plain = Option.isNone(response.header("content-encoding"))
    this.validator = plain ? validatorOf(response) : undefined
    this.total = plain ? Option.getOrUndefined(response.contentLength) : undefined
    return this.append(response, head)
  }

  private continues(response: ClientResponse): boolean {
    const range = contentRangeOf(response)
    if (range === undefined || range.start !== this.offset || Option.isSome(response.header("content-encoding"))) {
      return false
    }
    const etag = Option.getOrUndefined(response.header("etag"))
    if (etag !== undefined && this.validator?.startsWith('"') === true && etag !== this.validator) return false
    if (range.total !== undefined && this.total !== undefined && range.total !== this.total) return false
    this.total ??= range.total
    // A part that ends before the whole does would have to be followed by another.
    return this.total !== undefined && range.end === this.total - 1
  }

  /** The rest, which has to be all that its Content-Range said. */
  private complete(
    response: ClientResponse,
    head: ResponseHead
  ): Effect.Effect<ResponseHead, ClientError | PlatformError> {
    return Effect.tap(this.append(response, head), () =>
      this.total === undefined || this.offset === this.total
        ? Effect.void
        : Effect.fail(new ClientPayloadError({ reason: "Incomplete", received: this.offset, expected: this.total }))
    )
  }

  private append(
    response: ClientResponse,
    head: ResponseHead
  ): Effect.Effect<ResponseHead, ClientError | PlatformError> {
    return Effect.as(
      Stream.runForEach(response.stream, (bytes) =>
        Effect.suspend(() =>
          Effect.zipRight(
            this.file.writeAll(bytes),
            Effect.suspend(() => {
              this.offset += bytes.length
              return this.onProgress === undefined
                ? Effect.void
                : this.onProgress({
                    direction: "download",
                    transferred: this.offset,
                    total: Option.fromNullable(this.total)
                  })
            })
          )
        )
      ),
      head
    )
  }

  /** Begins anew, with an empty file. */
  forget(): Effect.Effect<void, PlatformError> {
    return Effect.suspend(() => {
      this.offset = 0
      this.total = undefined
      this.validator = undefined
      return Effect.zipRight(this.file.truncate(0), this.file.seek(0, "start"))
    })
  }

  /** Gets ready to go on after a break: without a validator nothing says that the rest belongs to what is there. */
  recover(): Effect.Effect<void, PlatformError> {
    return this.validator === undefined
      ? this.forget()
      : Effect.zipRight(this.file.truncate(this.offset), this.file.seek(this.offset, "start"))
  }
}

const refuse = (response: ClientResponse): Effect.Effect<never, ClientResponseError> =>
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

/** Whether a file may be completed after this. */
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

/** Fills a file with the body, asking for the rest after a break. */
const fill = <E, R>(
  use: Use,
  self: Effect.Effect<ClientResponse, E, R>,
  file: FileSystem.File,
  options: FileOptions | undefined
): Effect.Effect<ResponseHead, E | ClientError | PlatformError, Exclude<R, Scope>> => {
  const into = new Download(file, options?.onProgress)
  const attempt = (left: number): Effect.Effect<ResponseHead, E | ClientError | PlatformError, Exclude<R, Scope>> =>
    use(
      Effect.suspend(() => withHeaders(self, into.headers)),
      (response) => into.receive(response)
    ).pipe(
      Effect.catchAll((error) =>
        left > 0 && into.repeatable && isBreak(error) ? Effect.as(into.recover(), undefined) : Effect.fail(error)
      ),
      Effect.flatMap((head) => (head === undefined ? again(left) : Effect.as(file.sync, head)))
    )
  const again = (left: number) =>
    left > 0 ? attempt(left - 1) : Effect.fail(new ClientPayloadError({ reason: "Incomplete", received: 0 }))
  return attempt(options?.resume ?? defaultResume)
}

/** Writes a body to a file of its own and gives it its name when it is whole. */
export const toFile = <E, R>(
  use: Use,
  self: Effect.Effect<ClientResponse, E, R>,
  path: string,
  options: FileOptions | undefined
): Effect.Effect<ResponseHead, E | ClientError | PlatformError, FileSystem.FileSystem | Exclude<R, Scope>> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.acquireUseRelease(
      Effect.sync(() => `${path}.${randomBytes(6).toString("hex")}.part`),
      (part) =>
        Effect.scoped(Effect.flatMap(fs.open(part, { flag: "wx" }), (file) => fill(use, self, file, options))).pipe(
          Effect.tap((head) => (head.status === 304 ? fs.remove(part) : fs.rename(part, path)))
        ),
      (part, exit) => (Exit.isSuccess(exit) ? Effect.void : Effect.ignore(fs.remove(part)))
    )
  )
