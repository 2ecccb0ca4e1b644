/**
 * Removes credentials from a proxy's reply. Some proxies quote the request that they reject, and the reply becomes part
 * of an error.
 */
import { isHiddenHeader } from "../../redact.js"
import type { ProxyRoute } from "../../transport/transport.js"

/** Characters of the shortest secret that is replaced. Shorter ones match unrelated text. */
const minLength = 4

/** The same limit for values of headers whose names do not suggest a secret. */
const minOpenLength = 8

/** The secret parts of an Authorization value: the text after the scheme, and for Basic the pair and the password. */
const partsOf = (authorization: string): ReadonlyArray<string> => {
  const value = authorization.slice(authorization.indexOf(" ") + 1)
  if (!/^basic /i.test(authorization)) return [value]
  const pair = Buffer.from(value, "base64").toString("utf8")
  return [value, pair, pair.slice(pair.indexOf(":") + 1)]
}

const secretsOf = (proxy: ProxyRoute, authorization: string | undefined): ReadonlyArray<string> => {
  const secrets = new Set<string>()
  const add = (text: string, least: number): void => {
    if (text.length < least) return
    secrets.add(text)
    secrets.add(encodeURIComponent(text))
  }
  for (const part of authorization === undefined ? [] : partsOf(authorization)) add(part, minLength)
  for (const [name, value] of proxy.headers) {
    const least = isHiddenHeader(name) ? minLength : minOpenLength
    for (const part of [value, ...partsOf(value)]) add(part, least)
  }
  // Longest first, because one secret may contain another.
  return [...secrets].sort((a, b) => b.length - a.length)
}

/** Removes the beginning of a secret from the end of a truncated text. */
const withoutPartialSecret = (text: string, secrets: ReadonlyArray<string>): string => {
  for (const secret of secrets) {
    for (let length = Math.min(secret.length, text.length); length >= minLength; length--) {
      if (text.endsWith(secret.slice(0, length))) return `${text.slice(0, -length)}***`
    }
  }
  return text
}

/** Replaces the credentials and headers for a proxy by "***". `isCut` is true for a truncated text. */
export type Scrub = (text: string, isCut?: boolean) => string

/** Makes the function that replaces the secrets of one request to a proxy. */
export const scrubber = (proxy: ProxyRoute, authorization: string | undefined): Scrub => {
  const secrets = secretsOf(proxy, authorization)
  return (text, isCut = false) => {
    const clean = secrets.reduce((rest, secret) => rest.replaceAll(secret, () => "***"), text)
    return isCut ? withoutPartialSecret(clean, secrets) : clean
  }
}
