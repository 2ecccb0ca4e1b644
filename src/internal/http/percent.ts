/**
 * Percent-encoding as in yarl, aiohttp's URL type: safe characters stay, unreserved characters are decoded, hexadecimal
 * digits are upper case, and nothing is encoded twice.
 */

/** Whether a text contains an unpaired surrogate, which cannot be encoded. */
export const isIllFormed = (text: string): boolean => /\p{Surrogate}/u.test(text)

const unreserved = /[A-Za-z0-9\-._~]/

const reencode = (match: string, digits: string | undefined): string => {
  if (digits === undefined) return encodeURIComponent(match)
  const character = String.fromCharCode(Number.parseInt(digits, 16))
  return unreserved.test(character) ? character : match.toUpperCase()
}

const unsafeInPath = /%([0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$'()*,;:@=&+/]/gu
const unsafeInQuery = /%([0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$'()*,;:@=&+/?]/gu
const unsafeInParam = /[^A-Za-z0-9\-._~!$'()*,:@/?]/gu

/** Encodes a path for the request line. */
export const canonicalPath = (path: string): string => path.replace(unsafeInPath, reencode)

/** Encodes a query for the request line; a space becomes "+". */
export const canonicalQuery = (query: string): string =>
  query.replace(unsafeInQuery, (match, digits: string | undefined) => (match === " " ? "+" : reencode(match, digits)))

/** Encodes a name or value of a query parameter. */
export const encodeParam = (text: string): string =>
  text.replace(unsafeInParam, (match) => (match === " " ? "+" : encodeURIComponent(match)))

/** Encodes a character below U+0100 as one octet. */
export const escapeByte = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`

/** Encodes a name or value of an urlencoded form field. */
export const encodeFormField = (text: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, escapeByte)
    .replaceAll("%20", "+")

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Decodes percent-escapes; `undefined` if the result is not UTF-8. */
export const decodePercent = (text: string): string | undefined => {
  if (!text.includes("%")) return text
  const bytes = Buffer.from(
    Buffer.from(text, "utf8")
      .toString("latin1")
      .replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    "latin1"
  )
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Removes dot segments (RFC 3986 section 5.2.4) from a path that begins with "/". */
export const removeDotSegments = (path: string): string => {
  if (!path.includes("/.")) return path
  const out: Array<string> = []
  const segments = path.split("/")
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]
    const last = i === segments.length - 1
    if (segment === "." || segment === "..") {
      if (segment === "..") out.pop()
      if (last) out.push("")
    } else if (segment !== undefined) {
      out.push(segment)
    }
  }
  return `/${out.join("/")}`
}
