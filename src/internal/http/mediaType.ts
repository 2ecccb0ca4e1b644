/**
 * What a Content-Type says.
 */
import MIMEType from "whatwg-mimetype"

/** A media type in lower case and its charset. */
export interface MediaType {
  readonly essence: string
  readonly charset: string | undefined
}

/** RFC 9110 section 8.3: what a recipient may take a body for that says nothing. */
const unknown: MediaType = { essence: "application/octet-stream", charset: undefined }

// The few types that nearly all responses have; a Content-Type is a string of the peer's, so it does not grow.
const common: ReadonlyMap<string, MediaType> = new Map([
  ["application/json", { essence: "application/json", charset: undefined }],
  ["application/json; charset=utf-8", { essence: "application/json", charset: "utf-8" }],
  ["application/json;charset=utf-8", { essence: "application/json", charset: "utf-8" }],
  ["text/plain; charset=utf-8", { essence: "text/plain", charset: "utf-8" }],
  ["text/html; charset=utf-8", { essence: "text/html", charset: "utf-8" }]
])

/** A run of white space. The library looks at each of its characters once more for every other one. */
const spaces = /[ \t\n\r]{65,}/g

/** The same with runs of white space cut that no media type has. */
const bounded = (value: string): string =>
  value.length <= 64 ? value : value.replace(spaces, (run) => run.slice(0, 64))

/** The media type of one value; `undefined` where it is malformed. */
const parseOne = (value: string): MediaType | undefined => {
  const known = common.get(value)
  if (known !== undefined) return known
  const parsed = MIMEType.parse(bounded(value))
  if (parsed === null) return undefined
  const charset = parsed.parameters.get("charset")
  return { essence: parsed.essence, charset: charset === undefined || charset === "" ? undefined : charset }
}

/** The values between the commas that no quoted string holds (Fetch, "get, decode, and split"). */
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
 * The media type of a response with these Content-Type values (Fetch, "extract a MIME type"): the last valid one
 * counts, with the charset of an earlier one of the same type if it has none.
 */
export const parse = (value: string | undefined): MediaType => {
  if (value === undefined || value === "") return unknown
  const known = common.get(value)
  if (known !== undefined) return known
  if (!value.includes(",")) return parseOne(value) ?? unknown
  let last: MediaType | undefined
  for (const one of splitList(value)) {
    const next = parseOne(one)
    if (next === undefined || next.essence === "*/*") continue
    const inherited = next.charset === undefined && next.essence === last?.essence ? last.charset : undefined
    last = inherited === undefined ? next : { essence: next.essence, charset: inherited }
  }
  return last ?? unknown
}

/** application/json, text/json, or any type whose suffix is +json (MIME Sniffing, "JSON MIME type"; RFC 6839). */
export const isJson = (essence: string): boolean =>
  essence === "application/json" || essence === "text/json" || essence.endsWith("+json")
