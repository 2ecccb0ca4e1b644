/** Renders a request as a curl command line with secrets redacted. */

import { contentOf } from "../effect/bodies.js"
import { getField } from "../http/headerFields.js"
import { redactBody, redacted, redactHeader, redactUrl } from "../redact.js"
import type { PreparedRequest } from "./preparedRequest.js"

/** Quotes a word for POSIX shells. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Largest body, in bytes, that the command line includes. */
const shownSize = 4096

/** The media type that the request sends. */
const typeOf = ({ body, fields }: PreparedRequest): string =>
  getField(fields.pairs, "content-type") ?? contentOf(body).contentType ?? ""

const bodyWords = (request: PreparedRequest): ReadonlyArray<string> => {
  const { body } = request
  if (body._tag === "Empty") return []
  const type =
    contentOf(body).contentType === undefined ||
    request.fields.pairs.some(([name]) => name.toLowerCase() === "content-type")
      ? []
      : ["-H", quote(`Content-Type: ${contentOf(body).contentType}`)]
  if (body._tag !== "Uint8Array" || body.body.length > shownSize) return [...type, "--data-binary", "@-"]
  const bytes = Buffer.from(body.body.buffer, body.body.byteOffset, body.body.byteLength)
  const text = bytes.toString("utf8")
  // Only UTF-8 text without NUL can be an argument; curl reads any other body from standard input. `--data-raw` does
  // not take a leading "@" for a file name, unlike `--data`.
  const isArgument = !text.includes("\0") && Buffer.from(text, "utf8").equals(bytes)
  return [...type, "--data-raw", isArgument ? quote(redactBody(text, typeOf(request))) : "@-"].map((word, i, all) =>
    word === "--data-raw" && all[i + 1] === "@-" ? "--data-binary" : word
  )
}

/**
 * The option for HTTP/2, if the session requires it. Without TLS, `--http2` would send an HTTP/1.1 request for an
 * upgrade first.
 */
const versionWords = ({ defaults, target }: PreparedRequest): ReadonlyArray<string> => {
  if (defaults.http !== "2") return []
  return [target.origin.scheme === "https" ? "--http2" : "--http2-prior-knowledge"]
}

export const toCurl = (request: PreparedRequest): string => {
  // With -X HEAD, curl waits for a body. Without --globoff, it expands brackets and braces in the URL.
  const method = request.method === "HEAD" ? ["--head"] : ["-X", quote(request.method)]
  const words = [
    "curl",
    ...versionWords(request),
    ...method,
    "--globoff",
    "--path-as-is",
    quote(redactUrl(request.url))
  ]
  for (const [name, value] of request.fields.pairs) {
    const shown = request.fields.secret.has(name.toLowerCase()) ? redacted : redactHeader(name, value)
    words.push("-H", quote(shown === "" ? `${name};` : `${name}: ${shown}`))
  }
  if (request.auth !== undefined) words.push("-H", quote(`Authorization: ${redacted}`))
  if (request.cookies.length > 0) words.push("-H", quote(`Cookie: ${redacted}`))
  return [...words, ...bodyWords(request)].join(" ")
}
