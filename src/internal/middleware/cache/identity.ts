/**
 * Decides which requests may share a stored response: those of the same user, to the same peer, with the same trust
 * settings.
 */
import { createHash } from "node:crypto"
import type { Middleware } from "../../../Middleware.js"
import { nameOf } from "../../objectNames.js"
import type { Sent } from "../../response/responseSource.js"
import { credentialsOf } from "../credentialed.js"
import { type Lines, valuesOf } from "./freshness.js"

/** SHA-256, so that the store does not contain secrets. */
export const hash = (text: string): string => createHash("sha256").update(text).digest("base64url")

/** The header lines of a request head, names in lower case. */
export const linesOfHead = (head: string): Lines =>
  head
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    })

/** Parts of header names that indicate credentials, a user, or a target that the URL does not show. */
const identifyingParts =
  /auth|token|secret|passw|credential|session|signature|cookie|jwt|api-?key|csrf|xsrf|saml|identity|impersonat|forwarded|original|rewrite|override|real-ip|client-ip|connecting-ip/

/** The same for words that count only between hyphens, underscores and the ends of the name. */
const identifyingWords =
  /(?:^|[-_])(?:key|keys|sig|sid|user|users|userid|username|uid|account|tenant|org|organization|organisation|customer|client|role|roles|scope|scopes|subject|principal|actor|email|host|from|method)(?:$|[-_])/

/**
 * Whether a header may identify the user or select the server, even if Vary does not name it. `name` is in lower case.
 */
export const identifies = (name: string): boolean =>
  name !== "user-agent" && (identifyingParts.test(name) || identifyingWords.test(name))

/** The sorted lines that identify peer and user, with Host in lower case. */
const identifyingLines = (lines: Lines, secret: ReadonlySet<string>): Lines =>
  lines
    .filter(([name]) => identifies(name) || secret.has(name))
    .map(([name, value]) => [name, name === "host" ? value.toLowerCase() : value] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

/** The middlewares between the cache and the connector that add credentials. */
export interface InnerCredentials {
  /** Names of these middlewares. */
  readonly names: ReadonlyArray<string>
  /** Whether one of them adds a Digest Authorization header. */
  readonly digest: boolean
}

/** The middlewares inside `outer`, which is the cache. All of them if another middleware calls the cache. */
export const innerOf = (middlewares: ReadonlyArray<Middleware>, outer: Middleware): InnerCredentials => {
  const inside = middlewares
    .slice(middlewares.indexOf(outer) + 1)
    .filter((middleware) => credentialsOf(middleware) !== undefined)
  return {
    names: inside.map(nameOf),
    digest: inside.some((middleware) => credentialsOf(middleware) === "fixed")
  }
}

/** A hash of the peer, the trust settings and the user. Requests with equal hashes may share responses. */
export const identityOf = (sent: Sent, inner: InnerCredentials): string =>
  hash(JSON.stringify([sent.peer, identifyingLines(linesOfHead(sent.head), sent.secret), inner.names]))

const isInnerDigest = ([name, value]: Lines[number]): boolean => name === "authorization" && /^digest /i.test(value)

/** Whether `sent` has the URL, peer, trust settings and user of the lookup. */
export const sameIdentity = (foreseen: Sent, sent: Sent, inner: InnerCredentials): boolean => {
  if (foreseen.url !== sent.url || foreseen.peer !== sent.peer) return false
  const secret = new Set([...foreseen.secret, ...sent.secret])
  const lines = identifyingLines(linesOfHead(sent.head), secret).filter((line) => !inner.digest || !isInnerDigest(line))
  return JSON.stringify(identifyingLines(linesOfHead(foreseen.head), secret)) === JSON.stringify(lines)
}

/** Hashes of the headers that Vary names, except credentials, which `identityOf` compares. */
export const selectionOf = (
  sent: Sent,
  vary: ReadonlyArray<string>
): ReadonlyArray<readonly [name: string, value: string]> => {
  const lines = linesOfHead(sent.head)
  return vary
    .filter((name) => name !== "authorization" && name !== "cookie")
    .map((name) => [name, hash(valuesOf(lines, name).join(", "))] as const)
}

/** Whether both requests have equal values of the headers that Vary names. */
export const sameSelection = (foreseen: Sent, sent: Sent, vary: ReadonlyArray<string>): boolean =>
  JSON.stringify(selectionOf(foreseen, vary)) === JSON.stringify(selectionOf(sent, vary))
