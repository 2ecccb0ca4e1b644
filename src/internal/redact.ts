/**
 * What is cut out of everything that is shown: credentials in URLs, headers and texts. Works on strings, so that what
 * cannot be parsed is redacted too, and never throws.
 */

/** Stands where a secret was. */
export const redacted = "REDACTED"

/** Query parameters whose values sign or authorise a request, in lower case (OpenTelemetry's list, and what OAuth uses). */
const secretParams: ReadonlySet<string> = new Set([
  "x-amz-signature",
  "x-amz-credential",
  "x-amz-security-token",
  "awsaccesskeyid",
  "x-goog-signature",
  "x-goog-credential",
  "signature",
  "sig",
  "sign",
  "hmac",
  "token",
  "access_token",
  "accesstoken",
  "access-token",
  "refresh_token",
  "id_token",
  "auth_token",
  "authtoken",
  "auth",
  "authorization",
  "bearer",
  "jwt",
  "api_key",
  "apikey",
  "api-key",
  "x-api-key",
  "key",
  "password",
  "passwd",
  "passphrase",
  "pwd",
  "pass",
  "secret",
  "client_secret",
  "clientsecret",
  "client_assertion",
  "assertion",
  "samlresponse",
  "code",
  "code_verifier",
  "otp",
  "ticket",
  "credential",
  "credentials",
  "session",
  "sessionid",
  "session_id",
  "session_token",
  "sid"
])

/** Headers that carry credentials, in lower case. */
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

/** Headers whose value is a URL. */
const urlHeaders: ReadonlySet<string> = new Set(["location", "content-location", "referer", "origin"])

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

const decodeName = (name: string): string => {
  if (!name.includes("%")) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

const withoutSecrets = (query: string, extra: ReadonlySet<string> | undefined): string => {
  let changed = false
  const parts = query.split("&").map((part) => {
    const equals = part.indexOf("=")
    if (equals === -1) return part
    const name = decodeName(part.slice(0, equals)).toLowerCase()
    if (!secretParams.has(name) && extra?.has(name) !== true) return part
    changed = true
    return part.slice(0, equals + 1) + redacted
  })
  return changed ? parts.join("&") : query
}

/**
 * A URL, or what was meant to be one, without userinfo and with the values of signing and token parameters replaced by
 * "REDACTED", in query and fragment. All else stays as it is. `extraParams` are more such names, in any case.
 */
export const redactUrl = (url: string, extraParams?: Iterable<string>): string => {
  // The URL parser drops these wherever they stand.
  const text = /[\t\n\r]/.test(url) ? url.replace(/[\t\n\r]/g, "") : url
  const clean = withoutUserinfo(text)
  const hash = clean.indexOf("#")
  const beforeHash = hash === -1 ? clean : clean.slice(0, hash)
  const question = beforeHash.indexOf("?")
  if (hash === -1 && question === -1) return clean
  const extra = extraParams === undefined ? undefined : lowerCased(extraParams)
  const path = question === -1 ? beforeHash : beforeHash.slice(0, question + 1)
  const query = question === -1 ? "" : withoutSecrets(beforeHash.slice(question + 1), extra)
  const fragment = hash === -1 ? "" : `#${withoutSecrets(clean.slice(hash + 1), extra)}`
  return path + query + fragment
}

const lowerCased = (names: Iterable<string>): ReadonlySet<string> => {
  const out = new Set<string>()
  for (const name of names) out.add(name.toLowerCase())
  return out
}

/** Without the scheme before it, which an expression would look for again at each hyphen. */
const urlInText = /:[\\/]{2}[^\s"'<>`]+/g

const credentialsInText = /\b(basic|bearer|digest|negotiate)\s+(?!realm\b)[a-z0-9+/_.~=-]{8,}/gi

const headerInText = /\b((?:proxy-)?authorization|(?:set-)?cookie2?|x-api-key)(["']?\s*[:=]\s*)[^\r\n]+/gi

/** Text of unknown origin with the URLs, credentials and header lines in it redacted. */
export const redactText = (text: string): string => {
  let out = text
  if (out.includes("//") || out.includes("\\\\")) out = out.replace(urlInText, (url) => redactUrl(url))
  return out
    .replace(headerInText, (_, name: string, colon: string) => `${name}${colon}${redacted}`)
    .replace(credentialsInText, (_, name: string) => `${name} ${redacted}`)
}

/** Whether a header's value is never shown. */
export const isSecretHeader = (name: string): boolean => secretHeaders.has(name.toLowerCase())

/** What may be shown of a header's value. */
export const redactHeader = (name: string, value: string): string => {
  const lower = name.toLowerCase()
  if (secretHeaders.has(lower)) return redacted
  if (urlHeaders.has(lower)) return redactUrl(value)
  if (lower === "link") return value.replace(/<([^<>]*)>/g, (_, url: string) => `<${redactUrl(url)}>`)
  if (lower === "refresh") return value.replace(/(=\s*["']?)(.*)/s, (_, before: string, url) => before + redactUrl(url))
  return value
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
