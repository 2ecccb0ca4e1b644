/**
 * Cuts credentials out of what is shown: URLs, headers, bodies and texts. Works on strings, so that what cannot be
 * parsed is redacted too, and never throws. `secretNames.ts` decides which names have secret values.
 */
import { isHiddenHeader, isSecretMember, isSecretName } from "./secretNames.js"

export { isHiddenHeader } from "./secretNames.js"

/** Stands where a secret was. */
export const redacted = "REDACTED"

/** Headers that stay at their origin, in lower case. Those that are never shown are more: see `isHiddenHeader`. */
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

/** Headers whose value is a URL, or has some. */
const urlHeaders: ReadonlySet<string> = new Set([
  "location",
  "content-location",
  "referer",
  "origin",
  "link",
  "refresh"
])

/** Lower-case names beside those of `isSecretName`. */
type Extra = ReadonlySet<string> | undefined

const scheme = /^[^a-z/\\?#]*(?:[a-z][a-z0-9+.-]*:[\\/]*|[\\/]{2,})/i

/** Where the authority ends. */
const authorityEnd = /[\\/?#]/

/** `url` without userinfo. */
const withoutUserinfo = (url: string): string => {
  if (!url.includes("@")) return url
  const start = scheme.exec(url)?.[0].length
  if (start === undefined) return url
  const rest = url.slice(start)
  const end = rest.search(authorityEnd)
  const authority = end === -1 ? rest : rest.slice(0, end)
  let at = authority.lastIndexOf("@")
  // What looks like a port but is none is a password with a delimiter that should have been percent-encoded.
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

/** Percent-decoded as far as that can be done. */
const decode = (text: string): string =>
  text.includes("%") ? text.replace(/(?:%[\da-f]{2})+/gi, (run) => decodeRun(run)) : text

/** A parameter's value that is no secret itself: a URL in it may hold some. */
const redactValue = (value: string, extra: Extra, depth: number): string => {
  if (depth === 0 || !/[?#@;]|%(?:3[bf]|23|40|25)/i.test(value)) return value
  const decoded = decode(value)
  const clean = redactRest(/[\\/]{2}/.test(decoded) ? withoutUserinfo(decoded) : decoded, extra, depth - 1)
  if (clean === decoded) return value
  return decoded === value ? clean : encodeURIComponent(clean)
}

const isSecretParam = (name: string, extra: Extra): boolean =>
  isSecretName(name) || extra?.has(name.toLowerCase()) === true

/** One parameter. After a semicolon, which some servers read as "&", another one may begin. */
const redactParam = (part: string, extra: Extra, depth: number): string => {
  let out = ""
  let from = 0
  for (;;) {
    const equals = part.indexOf("=", from)
    if (equals === -1) return out + part.slice(from)
    // The value of a secret may have semicolons.
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

/** Java's servers write the session into the path: "/page;jsessionid=1". */
const redactPath = (path: string, extra: Extra): string =>
  path.includes(";")
    ? path.replace(pathParam, (text, name: string) =>
        isSecretParam(decode(name), extra) ? `;${name}=${redacted}` : text
      )
    : path

/** Single-page applications keep a path with a query in the fragment: "#/callback?code=1". */
const redactFragment = (fragment: string, extra: Extra, depth: number): string => {
  const question = fragment.indexOf("?")
  if (question === -1) return redactQuery(fragment, extra, depth)
  const before = redactQuery(fragment.slice(0, question), extra, depth)
  return `${before}?${redactQuery(fragment.slice(question + 1), extra, depth)}`
}

/** Path, query and fragment. */
const redactRest = (url: string, extra: Extra, depth: number): string => {
  const hash = url.indexOf("#")
  const beforeHash = hash === -1 ? url : url.slice(0, hash)
  const question = beforeHash.indexOf("?")
  const path = redactPath(question === -1 ? beforeHash : beforeHash.slice(0, question), extra)
  const query = question === -1 ? "" : `?${redactQuery(beforeHash.slice(question + 1), extra, depth)}`
  const fragment = hash === -1 ? "" : `#${redactFragment(url.slice(hash + 1), extra, depth)}`
  return path + query + fragment
}

/** URLs in URLs in URLs. */
const maxDepth = 3

/**
 * A URL, or what was meant to be one, without userinfo and with the values of signing and token parameters replaced by
 * "REDACTED", in path, query and fragment, and in URLs that are parameters of it. All else stays as it is. `extraParams`
 * are more such names, in any case.
 */
export const redactUrl = (url: string, extraParams?: Iterable<string>): string => {
  // The URL parser drops these wherever they stand.
  const text = /[\t\n\r]/.test(url) ? url.replace(/[\t\n\r]/g, "") : url
  const extra = extraParams === undefined ? undefined : lowerCased(extraParams)
  return redactRest(withoutUserinfo(text), extra, maxDepth)
}

const lowerCased = (names: Iterable<string>): ReadonlySet<string> => {
  const out = new Set<string>()
  for (const name of names) out.add(name.toLowerCase())
  return out
}

/** Parameters as they may be shown, in order. */
export const redactParams = (
  params: Iterable<readonly [name: string, value: string]>
): ReadonlyArray<readonly [name: string, value: string]> =>
  Array.from(params, ([name, value]) => [name, isSecretName(name) ? redacted : redactValue(value, undefined, maxDepth)])

/** Without the scheme before it, which an expression would look for again at each hyphen. */
const urlInText = /:[\\/]{2}[^\s"'<>`]+/g

const credentialsInText = /\b(basic|bearer|digest|negotiate)\s+(?!realm\b)[a-z0-9+/_.~=-]{8,}/gi

const headerInText =
  /\b((?:proxy-)?authorization|cookie2?|[a-z]{1,40}(?:-[a-z0-9]{1,40}){1,8})(["']?\s*[:=]\s*)(?=[^\s])/gi

const pairInText = /([?&]?)\b([\w.-]{1,64})=("[^"\r\n]*"?|[^\s&;,"'<>)\]]+)/g

const memberInText = /"([\w.$-]{1,64})"(\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,\]}"[{]+)/gs

/** Header lines, wherever they begin: the value ends with the line. */
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

/** The members of JSON, whole or cut off, whose names are those of secrets. */
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

/** Text of unknown origin with the URLs, credentials, header lines, parameters and JSON members in it redacted. */
export const redactText = (text: string): string => {
  let out = text
  if (out.includes("//") || out.includes("\\\\")) out = out.replace(urlInText, (url) => redactUrl(url))
  out = redactLines(out)
  return redactMembers(redactPairs(out)).replace(credentialsInText, (_, name: string) => `${name} ${redacted}`)
}

/** Whether a header's value is left out as a whole where it cannot be redacted in part: a URL that is cut off does not
 * show where its userinfo ends. */
export const isHiddenWhole = (name: string): boolean => isHiddenHeader(name) || urlHeaders.has(name.toLowerCase())

/** A broken challenge may be broken by what it quotes of the request. */
const challenge = /-authenticate$/i

/** Whether a broken head shows nothing of the values of this name. */
export const isHiddenInHead = (name: string): boolean => isHiddenWhole(name) || challenge.test(name)

/** A line of a message's head, whole or cut off, or several. */
const headLine = /^(\s*)([^\s:]+)(\s*:).*$/s

/** Lines of a message's head, as they came or escaped, with the values of secret headers redacted. */
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

/** A part of a form with its name: its head, and its content up to the next part or the end. */
const formPart =
  /(content-disposition:[^\r\n]*?;[\t ]*name="([^"\r\n]*)"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n).*?(?=\r\n--|$)/gis

/** A body as it may be shown: fields of forms and members of JSON whose names are those of secrets are redacted. */
export const redactBody = (text: string, contentType: string): string => {
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return redactQuery(text, undefined, maxDepth)
  if (/^multipart\//i.test(contentType)) {
    return text.replace(formPart, (all, head: string, name: string) => (isSecretName(name) ? head + redacted : all))
  }
  return /[/+]json\b|[/-]ndjson\b|jsonl/i.test(contentType) ? redactMembers(text) : text
}

/** Whether a header's value belongs to one origin and does not go along to another. */
export const isSecretHeader = (name: string): boolean => secretHeaders.has(name.toLowerCase())

/** What may be shown of a header's value. */
export const redactHeader = (name: string, value: string): string => {
  if (isHiddenHeader(name)) return redacted
  const lower = name.toLowerCase()
  if (lower === "link") return value.replace(/<([^<>]*)>/g, (_, url: string) => `<${redactUrl(url)}>`)
  if (lower === "refresh") return value.replace(/(=\s*["']?)(.*)/s, (_, before: string, url) => before + redactUrl(url))
  if (urlHeaders.has(lower)) return redactUrl(value)
  return value.includes("://") ? value.replace(urlInText, (url) => redactUrl(url)) : value
}

/** Headers as they may be shown, in order and case. `extraNames` are more secret ones, in any case. */
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

/** Text with control and other invisible characters written as escapes. */
export const printable = (text: string): string =>
  /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(text)
    ? text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) => {
        const code = char.charCodeAt(0)
        return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, "0")}`
      })
    : text
