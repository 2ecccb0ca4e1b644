/**
 * A request as a command line for curl, with its secrets left out.
 */
import { getField } from "../http/headerFields.js"
import { redactBody, redacted, redactHeader, redactUrl } from "../redact.js"
import type { Prepared } from "./preparedRequest.js"

/** A word that no POSIX shell reads as more than text. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Bodies up to this size are shown. */
const shownSize = 4096

/** The media type that is sent. */
const typeOf = ({ body, fields }: Prepared): string => getField(fields.pairs, "content-type") ?? body.contentType ?? ""

const bodyWords = (request: Prepared): ReadonlyArray<string> => {
  const { body } = request
  if (body._tag === "Empty") return []
  const type =
    body.contentType === undefined || request.fields.pairs.some(([name]) => name.toLowerCase() === "content-type")
      ? []
      : ["-H", quote(`Content-Type: ${body.contentType}`)]
  if (body._tag !== "Uint8Array" || body.body.length > shownSize) return [...type, "--data-binary", "@-"]
  const bytes = Buffer.from(body.body.buffer, body.body.byteOffset, body.body.byteLength)
  const text = bytes.toString("utf8")
  // "@" would name a file, and a NUL cannot be an argument.
  const plain = !text.includes("\0") && Buffer.from(text, "utf8").equals(bytes)
  return [...type, "--data-raw", plain ? quote(redactBody(text, typeOf(request))) : "@-"].map((word, i, all) =>
    word === "--data-raw" && all[i + 1] === "@-" ? "--data-binary" : word
  )
}

/** The command line. */
export const toCurl = (request: Prepared): string => {
  // With -X HEAD it would wait for a body; brackets and braces in a URL are patterns to it.
  const method = request.method === "HEAD" ? ["--head"] : ["-X", quote(request.method)]
  const words = ["curl", ...method, "--globoff", "--path-as-is", quote(redactUrl(request.url))]
  for (const [name, value] of request.fields.pairs) {
    const shown = request.fields.secret.has(name.toLowerCase()) ? redacted : redactHeader(name, value)
    words.push("-H", quote(shown === "" ? `${name};` : `${name}: ${shown}`))
  }
  if (request.auth !== undefined) words.push("-H", quote(`Authorization: ${redacted}`))
  if (request.cookies.length > 0) words.push("-H", quote(`Cookie: ${redacted}`))
  return [...words, ...bodyWords(request)].join(" ")
}
