/**
 * Takes out of a proxy's reply what the proxy was sent: some quote the request that they refuse.
 */
import { isHiddenHeader } from "../../redact.js"
import type { ProxyRoute } from "../../transport/transport.js"

/** Shorter ones would be found everywhere. */
const minLength = 4

/** The same for values of headers that no name says are secret. */
const minOpenLength = 8

/** A value of an Authorization header: without its scheme, and Basic decoded. */
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
  // The longest first: one may be a part of another.
  return [...secrets].sort((a, b) => b.length - a.length)
}

/** `text` without the beginning of a secret at its end, where it was cut off. */
const withoutStump = (text: string, secrets: ReadonlyArray<string>): string => {
  for (const secret of secrets) {
    for (let length = Math.min(secret.length, text.length); length >= minLength; length--) {
      if (text.endsWith(secret.slice(0, length))) return `${text.slice(0, -length)}***`
    }
  }
  return text
}

/** Replaces the credentials and the headers that a proxy was sent by "***"; `isCut`: the text has lost its end. */
export type Scrub = (text: string, isCut?: boolean) => string

/** What replaces the secrets of one request to a proxy. */
export const scrubber = (proxy: ProxyRoute, authorization: string | undefined): Scrub => {
  const secrets = secretsOf(proxy, authorization)
  return (text, isCut = false) => {
    const clean = secrets.reduce((rest, secret) => rest.replaceAll(secret, () => "***"), text)
    return isCut ? withoutStump(clean, secrets) : clean
  }
}
