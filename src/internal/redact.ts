/**
 * Removes credentials from URLs, headers, bodies and free text before they are shown. Works on strings and never
 * throws, so that malformed text is redacted too. `secretNames.ts` decides which names have secret values.
 */
import { isHiddenHeader, isSecretMember, isSecretName } from "./secretNames.js"

export { isHiddenHeader } from "./secretNames.js"

/** The text in place of a secret value. */
export const redacted = "REDACTED"

/**
 * Headers that must not follow a redirect to another origin, in lower case. `isHiddenHeader` covers more headers: those
 * whose values are never shown.
 */
const secretHeaders: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "authentication-info",
  "proxy-authentication-info",
  "cookie",
  "cookie2",
  "set-cookie",
  "set-cookie2",
  "api-key",
  "apikey",
  "x-api-key",
  "x-auth-token",
  "x-access-token",
  "x-amz-security-token",
  "x-csrf-token",
  "x-xsrf-token",
  "x-goog-api-key",
  "x-vault-token",
  "private-token",
  "sec-websocket-key"
])

/** Headers whose value is a URL or contains URLs. */
const urlHeaders: ReadonlySet<string> = new Set([
  "location",
  "content-location",
  "referer",
  "origin",
  "link",
  "refresh"
])

/** Secret names in lower case, in addition to those of `isSecretName`. */
type Extra = ReadonlySet<string> | undefined

const scheme = /^[^a-z/\\?#]*(?:[a-z][a-z0-9+.-]*:[\\/]*|[\\/]{2,})/i

/** The characters that end an authority. */
const authorityEnd = /[\\/?#]/

/** Returns `url` without userinfo. */
const withoutUserinfo = (url: string): string => {
  if (!url.includes("@")) return url
  const start = scheme.exec(url)?.[0].length
  if (start === undefined) return url
  const rest = url.slice(start)
  const end = rest.search(authorityEnd)
  const authority = end === -1 ? rest : rest.slice(0, end)
  let at = authority.lastIndexOf("@")
  // If the text after the colon is not a port, it is a password with a delimiter that is not percent-encoded.
  if (at === -1 && /:(?!\d*$)/.test(authority.replace(/^\[[\da-f:.]*\]/i, ""))) at = rest.lastIndexOf("@")
  return at === -1 ? url : url.slice(0, start) + rest.slice(at + 1)
}

const decodeRun = (run: string): string => {
  try {
    return decodeURIComponent(run)
  } catch {
    return run
  }
}

/** Percent-decodes every run of escapes that is valid UTF-8. Other escapes stay. */
const decode = (text: string): string =>
  text.includes("%") ? text.replace(/(?:%[\da-f]{2})+/gi, (run) => decodeRun(run)) : text

/** Redacts the value of a parameter whose name is not secret. The value may contain a URL with secrets. */
const redactValue = (value: string, extra: Extra, depth: number): string => {
  if (depth === 0 || !/[?#@;]|%(?:3[bf]|23|40|25)/i.test(value)) return value
  const decoded = decode(value)
  const clean = redactRest(/[\\/]{2}/.test(decoded) ? withoutUserinfo(decoded) : decoded, extra, depth - 1)
  if (clean === decoded) return value
  return decoded === value ? clean : encodeURIComponent(clean)
}

const isSecretParam = (name: string, extra: Extra): boolean =>
  isSecretName(name) || extra?.has(name.toLowerCase()) === true

/** Redacts one parameter. Some servers treat a semicolon like "&", so more parameters may follow a semicolon. */
const redactParam = (part: string, extra: Extra, depth: number): string => {
  let out = ""
  let from = 0
  for (;;) {
    const equals = part.indexOf("=", from)
    if (equals === -1) return out + part.slice(from)
    // A secret value may contain semicolons.
    if (isSecretParam(decode(part.slice(from, equals)), extra)) return out + part.slice(from, equals + 1) + redacted
    const semicolon = part.indexOf(";", equals)
    const end = semicolon === -1 ? part.length : semicolon
    out += part.slice(from, equals + 1) + redactValue(part.slice(equals + 1, end), extra, depth)
    if (semicolon === -1) return out
    out += ";"
    from = semicolon + 1
  }
}

const redactQuery = (query: string, extra: Extra, depth: number): string =>
  query.includes("=")
    ? query
        .split("&")
        .map((part) => redactParam(part, extra, depth))
        .join("&")
    : query

const pathParam = /;([^=/;?#]+)=([^/;?#]*)/g

/** Redacts parameters in a path, such as the session id of Java servers: "/page;jsessionid=1". */
const redactPath = (path: string, extra: Extra): string =>
  path.includes(";")
    ? path.replace(pathParam, (text, name: string) =>
        isSecretParam(decode(name), extra) ? `;${name}=${redacted}` : text
      )
    : path

/** Redacts a fragment, in which single-page applications may have a path with a query: "#/callback?code=1". */
const redactFragment = (fragment: string, extra: Extra, depth: number): string => {
  const question = fragment.indexOf("?")
  if (question === -1) return redactQuery(fragment, extra, depth)
  const before = redactQuery(fragment.slice(0, question), extra, depth)
  return `${before}?${redactQuery(fragment.slice(question + 1), extra, depth)}`
}

/** Redacts path, query and fragment. */
const redactRest = (url: string, extra: Extra, depth: number): string => {
  const hash = url.indexOf("#")
  const beforeHash = hash === -1 ? url : url.slice(0, hash)
  const question = beforeHash.indexOf("?")
  const path = redactPath(question === -1 ? beforeHash : beforeHash.slice(0, question), extra)
  const query = question === -1 ? "" : `?${redactQuery(beforeHash.slice(question + 1), extra, depth)}`
  const fragment = hash === -1 ? "" : `#${redactFragment(url.slice(hash + 1), extra, depth)}`
  return path + query + fragment
}

/** To which depth URLs in parameters of URLs are redacted. */
const maxDepth = 3

/**
 * Redacts a URL, even a malformed one. Removes the userinfo, and replaces the values of secret parameters by
 * "REDACTED": in path, query and fragment, and in URLs within parameters. `extraParams` adds secret names; their case
 * is ignored.
 */
export const redactUrl = (url: string, extraParams?: Iterable<string>): string => {
  // The URL parser ignores these characters anywhere.
  const text = /[\t\n\r]/.test(url) ? url.replace(/[\t\n\r]/g, "") : url
  const extra = extraParams === undefined ? undefined : lowerCased(extraParams)
  return redactRest(withoutUserinfo(text), extra, maxDepth)
}

const lowerCased = (names: Iterable<string>): ReadonlySet<string> => {
  const out = new Set<string>()
  for (const name of names) out.add(name.toLowerCase())
  return out
}

/** Query parameters with secret values redacted, in order. */
export const redactParams = (
  params: Iterable<readonly [name: string, value: string]>
): ReadonlyArray<readonly [name: string, value: string]> =>
  Array.from(params, ([name, value]) => [name, isSecretName(name) ? redacted : redactValue(value, undefined, maxDepth)])

/** Matches a URL from its colon on. With a pattern for the scheme, the search would start again at each hyphen. */
const urlInText = /:[\\/]{2}[^\s"'<>`]+/g

const credentialsInText = /\b(basic|bearer|digest|negotiate)\s+(?!realm\b)[a-z0-9+/_.~=-]{8,}/gi

const headerInText =
  /\b((?:proxy-)?authorization|cookie2?|[a-z]{1,40}(?:-[a-z0-9]{1,40}){1,8})(["']?\s*[:=]\s*)(?=[^\s])/gi

const pairInText = /([?&]?)\b([\w.-]{1,64})=("[^"\r\n]*"?|[^\s&;,"'<>)\]]+)/g

const memberInText = /"([\w.$-]{1,64})"(\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,\]}"[{]+)/gs

/** Redacts header lines, which may start anywhere in a line. A value extends to the end of its line. */
const redactLines = (text: string): string => {
  let out = ""
  let from = 0
  for (const match of text.matchAll(headerInText)) {
    const [all, name = ""] = match
    if (match.index < from || !isHiddenHeader(name)) continue
    const start = match.index + all.length
    const end = text.slice(start).search(/[\r\n]/)
    out += text.slice(from, start) + redacted
    from = end === -1 ? text.length : start + end
  }
  return out + text.slice(from)
}

/** Redacts JSON members with secret names, in complete or truncated JSON. */
const redactMembers = (text: string): string =>
  text.includes('"')
    ? text.replace(memberInText, (all, name: string, colon: string) =>
        isSecretMember(name) ? `"${name}"${colon}"${redacted}"` : all
      )
    : text

const redactPairs = (text: string): string =>
  text.includes("=")
    ? text.replace(pairInText, (all, before: string, name: string) =>
        (before === "" ? isSecretMember(name) : isSecretName(name)) ? `${before}${name}=${redacted}` : all
      )
    : text

/** Redacts URLs, credentials, header lines, parameters and JSON members in text of unknown origin. */
export const redactText = (text: string): string => {
  let out = text
  if (out.includes("//") || out.includes("\\\\")) out = out.replace(urlInText, (url) => redactUrl(url))
  out = redactLines(out)
  return redactMembers(redactPairs(out)).replace(credentialsInText, (_, name: string) => `${name} ${redacted}`)
}

/**
 * Whether the whole value of a header is hidden if its line may be truncated, because a truncated URL does not show
 * where its userinfo ends.
 */
export const isHiddenWhole = (name: string): boolean => isHiddenHeader(name) || urlHeaders.has(name.toLowerCase())

/** A malformed challenge may quote the request, including its credentials. */
const challenge = /-authenticate$/i

/** Whether excerpts of a malformed head hide the values of fields with this name. */
export const isHiddenInHead = (name: string): boolean => isHiddenWhole(name) || challenge.test(name)

/** A line of a message head, complete or truncated, or several lines. */
const headLine = /^(\s*)([^\s:]+)(\s*:).*$/s

/** Redacts the values of secret headers in lines of a message head, raw or escaped. */
export const redactHead = (text: string): string =>
  redactText(
    text
      .split(/(\r?\n|\\r\\n|\\n)/)
      .map((line) => {
        const [, space = "", name = "", colon = ""] = headLine.exec(line) ?? []
        if (name === "") return line
        return isHiddenInHead(name) ? `${space}${name}${colon} ${redacted}` : line
      })
      .join("")
  )

/** One part of a multipart form: its head with the name, and its content up to the next part or the end. */
const formPart =
  /(content-disposition:[^\r\n]*?;[\t ]*name="([^"\r\n]*)"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n).*?(?=\r\n--|$)/gis

/** Redacts form fields and JSON members with secret names in a body. */
export const redactBody = (text: string, contentType: string): string => {
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return redactQuery(text, undefined, maxDepth)
  if (/^multipart\//i.test(contentType)) {
    return text.replace(formPart, (all, head: string, name: string) => (isSecretName(name) ? head + redacted : all))
  }
  return /[/+]json\b|[/-]ndjson\b|jsonl/i.test(contentType) ? redactMembers(text) : text
}

/** Whether a header is bound to its origin and must not be sent to another one. */
export const isSecretHeader = (name: string): boolean => secretHeaders.has(name.toLowerCase())

/** A header's value with its secrets redacted. */
export const redactHeader = (name: string, value: string): string => {
  if (isHiddenHeader(name)) return redacted
  const lower = name.toLowerCase()
  if (lower === "link") return value.replace(/<([^<>]*)>/g, (_, url: string) => `<${redactUrl(url)}>`)
  if (lower === "refresh") return value.replace(/(=\s*["']?)(.*)/s, (_, before: string, url) => before + redactUrl(url))
  if (urlHeaders.has(lower)) return redactUrl(value)
  return value.includes("://") ? value.replace(urlInText, (url) => redactUrl(url)) : value
}

/** Headers with secret values redacted; order and case stay. `extraNames` adds secret names; their case is ignored. */
export const redactHeaders = (
  headers: Iterable<readonly [name: string, value: string]>,
  extraNames?: Iterable<string>
): Array<readonly [name: string, value: string]> => {
  const extra = extraNames === undefined ? undefined : lowerCased(extraNames)
  const out: Array<readonly [name: string, value: string]> = []
  for (const [name, value] of headers) {
    out.push([name, extra?.has(name.toLowerCase()) === true ? redacted : redactHeader(name, value)])
  }
  return out
}

/** Escapes control characters and other invisible characters. */
export const printable = (text: string): string =>
  /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(text)
    ? text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) => {
        const code = char.charCodeAt(0)
        return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, "0")}`
      })
    : text
