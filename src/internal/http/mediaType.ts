/** Parses the media types of Content-Type headers. */
import MIMEType from "whatwg-mimetype"

/** A media type in lower case with its charset. */
export interface MediaType {
  readonly essence: string
  readonly charset: string | undefined
}

/** The media type of a body without a valid Content-Type (RFC 9110 section 8.3). */
const octetStream: MediaType = { essence: "application/octet-stream", charset: undefined }

// The media types of most responses. Others are not added, because peers choose them.
const commonTypes: ReadonlyMap<string, MediaType> = new Map([
  ["application/json", { essence: "application/json", charset: undefined }],
  ["application/json; charset=utf-8", { essence: "application/json", charset: "utf-8" }],
  ["application/json;charset=utf-8", { essence: "application/json", charset: "utf-8" }],
  ["text/plain; charset=utf-8", { essence: "text/plain", charset: "utf-8" }],
  ["text/html; charset=utf-8", { essence: "text/html", charset: "utf-8" }]
])

/** A long run of white space, for which the library takes quadratic time. */
const spaces = /[ \t\n\r]{65,}/g

/** Shortens long runs of white space, which no valid media type contains. */
const withoutLongSpaces = (value: string): string =>
  value.length <= 64 ? value : value.replace(spaces, (run) => run.slice(0, 64))

/** Parses one value; `undefined` if it is malformed. */
const parseOne = (value: string): MediaType | undefined => {
  const known = commonTypes.get(value)
  if (known !== undefined) return known
  const parsed = MIMEType.parse(withoutLongSpaces(value))
  if (parsed === null) return undefined
  const charset = parsed.parameters.get("charset")
  return { essence: parsed.essence, charset: charset === undefined || charset === "" ? undefined : charset }
}

/** Splits a list at the commas outside quoted strings (Fetch, "get, decode, and split"). */
const splitList = (list: string): ReadonlyArray<string> => {
  const values: Array<string> = []
  let start = 0
  let quoted = false
  for (let at = 0; at < list.length; at++) {
    const char = list[at]
    if (char === '"') quoted = !quoted
    else if (char === "\\" && quoted) at++
    else if (char === "," && !quoted) {
      values.push(list.slice(start, at))
      start = at + 1
    }
  }
  values.push(list.slice(start))
  return values
}

/**
 * The media type of a response with these Content-Type values (Fetch, "extract a MIME type"). The last valid value
 * wins; if it has no charset, it inherits that of an earlier value with the same type.
 */
export const parse = (value: string | undefined): MediaType => {
  if (value === undefined || value === "") return octetStream
  // Most responses have the type of the previous one, often as the same string, which is compared by reference.
  if (value === lastText) return lastType
  const known = commonTypes.get(value)
  if (known === undefined) return parseList(value)
  lastText = value
  lastType = known
  return known
}

/** The common value that was parsed last, and its result. */
let lastText: string | undefined
let lastType = octetStream

const parseList = (value: string): MediaType => {
  if (!value.includes(",")) return parseOne(value) ?? octetStream
  let last: MediaType | undefined
  for (const one of splitList(value)) {
    const next = parseOne(one)
    if (next === undefined || next.essence === "*/*") continue
    const inherited = next.charset === undefined && next.essence === last?.essence ? last.charset : undefined
    last = inherited === undefined ? next : { essence: next.essence, charset: inherited }
  }
  return last ?? octetStream
}

/** Whether a media type is application/json, text/json or has the suffix +json (MIME Sniffing; RFC 6839). */
export const isJson = (essence: string): boolean =>
  essence === "application/json" || essence === "text/json" || essence.endsWith("+json")
