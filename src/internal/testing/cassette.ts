/** The file format of recorded exchanges: serialization, redaction, and the key by which requests are matched. */
import { isUtf8 } from "node:buffer"
import { createHash } from "node:crypto"
import type * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type { ParseError } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { CassetteOptions } from "../../Testing.js"
import { systemError } from "../effect/fileErrors.js"
import { invalidPath } from "../effect/schemaErrors.js"
import { redacted, redactHeader, redactUrl } from "../redact.js"

const Lines = Schema.Array(Schema.Tuple(Schema.String, Schema.String))

/** Bytes, stored as text if they are UTF-8, so that cassettes can be reviewed and compared. */
const Content = Schema.Union(Schema.Struct({ text: Schema.String }), Schema.Struct({ base64: Schema.String }))

const Recorded = Schema.Struct({
  request: Schema.Struct({
    method: Schema.String,
    url: Schema.String,
    headers: Lines,
    /** The SHA-256 of the body, which is enough to match requests and reveals no secrets. */
    body: Schema.optional(Schema.String)
  }),
  response: Schema.Struct({
    status: Schema.Int.pipe(Schema.between(100, 999)),
    reason: Schema.String,
    version: Schema.Literal("1.0", "1.1", "2"),
    headers: Lines,
    body: Schema.optional(Content),
    trailers: Schema.optional(Lines),
    /** Set if the connection broke at the end of the recorded body. */
    cut: Schema.optional(Schema.Literal(true))
  })
})

/** One exchange. */
export type Recorded = typeof Recorded.Type

const Cassette = Schema.parseJson(Schema.Struct({ version: Schema.Literal(1), exchanges: Schema.Array(Recorded) }), {
  space: 2
})

/** Serializes bytes. */
export const toContent = (bytes: Uint8Array): typeof Content.Type =>
  isUtf8(bytes) ? { text: Buffer.from(bytes).toString("utf8") } : { base64: Buffer.from(bytes).toString("base64") }

/** Deserializes bytes. */
export const fromContent = (content: typeof Content.Type): Uint8Array =>
  "text" in content ? Buffer.from(content.text, "utf8") : Buffer.from(content.base64, "base64")

/** Redacts the value of a cookie and keeps its name and attributes, so that jars store the same cookies. */
const redactCookie = (value: string): string =>
  value.replace(/^(?:([^=;]*=)[^;]*|[^;]+)/, (_, name = "") => `${name}${redacted}`)

/** Header lines with secrets redacted. */
export const redactLines = (
  lines: Iterable<readonly [name: string, value: string]>,
  options: CassetteOptions,
  secret: ReadonlySet<string> = new Set()
): Array<readonly [name: string, value: string]> => {
  const extra = new Set((options.redactHeaders ?? []).map((name) => name.toLowerCase()))
  return Array.from(lines, ([name, value]) => {
    const lower = name.toLowerCase()
    if (extra.has(lower) || secret.has(lower)) return [name, redacted] as const
    if (lower === "set-cookie") return [name, redactCookie(value)] as const
    return [name, redactHeader(lower, value)] as const
  })
}

/** The hash of a body for matching. Ignores the boundary of multipart bodies. */
export const digest = (bytes: Uint8Array, contentType: string | undefined): string => {
  const boundary = /^multipart\/[^;]*;.*boundary="?([^";]+)"?/i.exec(contentType ?? "")?.[1]
  const text = Buffer.from(bytes).toString("latin1")
  return createHash("sha256")
    .update(boundary === undefined ? text : text.replaceAll(boundary, "boundary"), "latin1")
    .digest("hex")
}

/** The key of a request. Requests with equal keys match. */
export const keyOf = (
  request: { readonly method: string; readonly url: string; readonly body: string | undefined },
  options: CassetteOptions
): string => {
  const match = new Set(options.match ?? ["method", "url", "body"])
  return JSON.stringify([
    match.has("method") ? request.method : "",
    match.has("url") ? redactUrl(request.url) : "",
    match.has("body") ? (request.body ?? "") : ""
  ])
}

/** The path of the invalid member, if it is known. */
const placeOf = (error: ParseError): string => {
  const path = invalidPath(error)
  return path.length === 0 ? "" : `: ${path.map(String).join(".")} is invalid`
}

/** Reads a cassette. */
export const readCassette = (
  path: string
): Effect.Effect<ReadonlyArray<Recorded>, PlatformError.PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (files) =>
    Effect.flatMap(files.readFileString(path), (text) =>
      Effect.mapBoth(Schema.decode(Cassette)(text), {
        // The message of the ParseError would quote the file.
        onFailure: (error) =>
          systemError({
            reason: "InvalidData",
            module: "FileSystem",
            method: "readFileString",
            pathOrDescriptor: path,
            description: `not a cassette${placeOf(error)}`
          }),
        onSuccess: (cassette) => cassette.exchanges
      })
    )
  )

/** Writes a cassette atomically, by renaming a temporary file. */
export const writeCassette = (
  files: FileSystem.FileSystem,
  path: string,
  exchanges: ReadonlyArray<Recorded>
): Effect.Effect<void, PlatformError.PlatformError> => {
  const temporaryPath = `${path}.${process.pid}.tmp`
  return Effect.flatMap(Effect.orDie(Schema.encode(Cassette)({ version: 1, exchanges })), (text) =>
    Effect.onError(
      Effect.zipRight(files.writeFileString(temporaryPath, `${text}\n`), files.rename(temporaryPath, path)),
      () => Effect.ignore(files.remove(temporaryPath, { force: true }))
    )
  )
}
