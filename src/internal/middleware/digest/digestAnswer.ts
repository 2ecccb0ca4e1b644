/** Computes the answer to a Digest challenge (RFC 7616 section 3.4). */
import { createHash } from "node:crypto"
import type { DigestChallenge, Hash } from "./digestChallenge.js"

/** The user, as input of the hashes. */
export interface User {
  readonly name: string
  readonly password: string
  readonly encoding: "utf-8" | "latin1"
}

export interface AnswerInput {
  readonly user: User
  readonly method: string
  /** The request target, as on the request line. */
  readonly uri: string
  /** `undefined` for RFC 2069. */
  readonly qop: "auth" | "auth-int" | undefined
  /** Starts at 1. */
  readonly count: number
  readonly cnonce: string
  /** The challenge's nonce, or a newer one from Authentication-Info. */
  readonly nonce: string
  /** Hash of the body, for auth-int. */
  readonly bodyHash: string
  /** H(A1); for a "-sess" algorithm, computed when the session began. */
  readonly secret: string
}

const digestOf = (hash: Hash, ...parts: ReadonlyArray<string | Uint8Array>): string => {
  const sum = createHash(hash)
  for (const part of parts) sum.update(part)
  return sum.digest("hex")
}

/** Encodes text in the charset of the challenge or, without one, in that of the credentials. */
const bytesOf = (challenge: DigestChallenge, user: User, text: string): Buffer =>
  Buffer.from(text, challenge.utf8 ? "utf-8" : user.encoding)

/** H(A1) of a request, or of all requests of a "-sess" session. */
export const secretOf = (challenge: DigestChallenge, user: User, cnonce: string): string => {
  const { hash, nonce, realm, session } = challenge
  const name = bytesOf(challenge, user, user.name)
  const password = bytesOf(challenge, user, user.password)
  const secret = digestOf(hash, name, `:${realm}:`, password)
  return session ? digestOf(hash, `${secret}:${nonce}:${cnonce}`) : secret
}

/** The hash of a body in memory. */
export const bodyHashOf = (hash: Hash, body: Uint8Array): string => digestOf(hash, body)

const quote = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&")}"`

/** An extended parameter value (RFC 8187 section 3.2). */
const extended = (text: string): string =>
  `UTF-8''${encodeURIComponent(text).replace(/[*'()]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)}`

const usernameOf = (challenge: DigestChallenge, user: User): string => {
  const { hash, realm, userhash } = challenge
  if (userhash) return `username="${digestOf(hash, bytesOf(challenge, user, user.name), `:${realm}`)}"`
  return /^[\x20-\x7e]*$/.test(user.name) ? `username=${quote(user.name)}` : `username*=${extended(user.name)}`
}

/** The value of the Authorization header. */
export const answer = (challenge: DigestChallenge, input: AnswerInput): string => {
  const { algorithm, hash, opaque, realm, session, userhash } = challenge
  const { bodyHash, cnonce, method, nonce, qop, secret, uri } = input
  const count = input.count.toString(16).padStart(8, "0")
  // H(A2) of RFC 7616 section 3.4.3.
  const ha2 = digestOf(hash, qop === "auth-int" ? `${method}:${uri}:${bodyHash}` : `${method}:${uri}`)
  const response =
    qop === undefined
      ? digestOf(hash, `${secret}:${nonce}:${ha2}`)
      : digestOf(hash, `${secret}:${nonce}:${count}:${cnonce}:${qop}:${ha2}`)
  const parts = [
    usernameOf(challenge, input.user),
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(uri)}`,
    `response="${response}"`
  ]
  if (algorithm !== undefined) parts.push(`algorithm=${algorithm}`)
  if (qop !== undefined) parts.push(`qop=${qop}`, `nc=${count}`)
  if (qop !== undefined || session) parts.push(`cnonce=${quote(cnonce)}`)
  if (opaque !== undefined) parts.push(`opaque=${quote(opaque)}`)
  if (userhash) parts.push("userhash=true")
  return `Digest ${parts.join(", ")}`
}
