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

export const parse = (value: string | undefined): MediaType => {
  if (value === undefined || value === "") return unknown
  const known = common.get(value)
  if (known !== undefined) return known
  const parsed = MIMEType.parse(bounded(value))
  if (parsed === null) return unknown
  const charset = parsed.parameters.get("charset")
  return { essence: parsed.essence, charset: charset === undefined || charset === "" ? undefined : charset }
}

/** application/json, or any type whose suffix is +json (RFC 6839). */
export const isJson = (essence: string): boolean => essence === "application/json" || essence.endsWith("+json")
