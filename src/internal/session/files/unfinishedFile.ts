/**
 * The format of an unfinished download: the bytes, followed by the facts needed to request the rest. One file holds
 * both, so that concurrent runs cannot mix them up.
 */
import { createHash } from "node:crypto"
import type { PlatformError } from "@effect/platform/Error"
import type { File, FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ResponseHead } from "../../../ClientResponse.js"
import { seekTo } from "../../effect/fileErrors.js"

const Facts = Schema.parseJson(
  Schema.Struct({
    offset: Schema.Int.pipe(Schema.positive()),
    total: Schema.optional(Schema.Int.pipe(Schema.positive())),
    validator: Schema.NonEmptyString,
    source: Schema.NonEmptyString
  })
)

/** The facts about an unfinished file. */
export interface Unfinished {
  /** Bytes of the file present. */
  readonly offset: number
  readonly total: number | undefined
  /** For If-Range. */
  readonly validator: string
  /** A hash of the requested URL. */
  readonly source: string
}

/** The hash of the URL before redirects, because these may lead to another URL each time. */
export const sourceOf = (response: ResponseHead & { readonly history: ReadonlyArray<ResponseHead> }): string =>
  createHash("sha256")
    .update((response.history[0] ?? response).url)
    .digest("hex")

/** The last bytes of the file. Before them is the length of the facts, in eight hexadecimal digits. */
const mark = "\0toFile1"
const trailerLength = 8 + mark.length

/** Appends the facts to a file that is open in append mode, and waits until they are on disk. */
export const writeUnfinished = (file: File, facts: Unfinished): Effect.Effect<void, PlatformError> => {
  const text = JSON.stringify(facts)
  const length = Buffer.byteLength(text).toString(16).padStart(8, "0")
  return file
    .truncate(facts.offset)
    .pipe(Effect.zipRight(file.writeAll(Buffer.from(text + length + mark))), Effect.zipRight(file.sync))
}

/**
 * Whether an open file is the one that `name` refers to and belongs to this user. In a directory that others can write
 * to, the name may be a link, or a file with bytes of another user.
 */
export const isOwnFile = (fs: FileSystem, name: string, file: File): Effect.Effect<boolean, PlatformError> =>
  Effect.gen(function* () {
    if (yield* Effect.isSuccess(fs.readLink(name))) return false
    const opened = yield* file.stat
    const named = yield* fs.stat(name)
    const user = process.getuid?.()
    return (
      opened.type === "File" &&
      opened.dev === named.dev &&
      Option.getOrUndefined(opened.ino) === Option.getOrUndefined(named.ino) &&
      // A number in Effect 3, a bigint in Effect 4.
      Number(Option.getOrElse(opened.nlink, () => 1)) === 1 &&
      (user === undefined || Option.getOrElse(opened.uid, () => user) === user)
    )
  })

const readAt = (file: File, offset: number, length: number): Effect.Effect<string | undefined, PlatformError> =>
  Effect.zipRight(
    seekTo(file, offset),
    Effect.map(file.readAlloc(length), (bytes) =>
      Option.isSome(bytes) && bytes.value.length === length ? Buffer.from(bytes.value).toString() : undefined
    )
  )

/** Reads the facts and removes them from the file. A file without valid facts is emptied. */
export const readUnfinished = (file: File): Effect.Effect<Unfinished | undefined, PlatformError> =>
  Effect.gen(function* () {
    const size = Number((yield* file.stat).size)
    const trailer = size < trailerLength ? undefined : yield* readAt(file, size - trailerLength, trailerLength)
    const length = trailer?.endsWith(mark) === true ? Number.parseInt(trailer.slice(0, 8), 16) : Number.NaN
    const offset = size - trailerLength - length
    const text = offset > 0 ? yield* readAt(file, offset, length) : undefined
    const facts = Schema.decodeUnknownEither(Facts)(text)
    const whole = Either.isRight(facts) && facts.right.offset === offset
    yield* file.truncate(whole ? offset : 0)
    return whole ? { ...facts.right, total: facts.right.total } : undefined
  })
