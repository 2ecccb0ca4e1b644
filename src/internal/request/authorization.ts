/** Builds the value of an Authorization or Proxy-Authorization header from credentials. */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Basic, Credentials } from "../../Auth.js"
import { kindOf } from "../userResult.js"

// Neither the user name nor the password may contain control characters (RFC 7617 section 2).
const control = /[\u0000-\u001f\u007f]/

const beyondLatin1 = /[^\u0000-\u00ff]/

const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

const visible = /^[\u0021-\u007e]+$/

const authorizations = new WeakMap<Credentials, Either.Either<string, string>>()

/** The text of a secret; `undefined` if the secret was wiped. */
export const reveal = (secret: Redacted.Redacted): string | undefined => {
  try {
    return Redacted.value(secret)
  } catch {
    return undefined
  }
}

/** User name and password in clear text, or a description of why they are invalid. */
export const revealBasic = (
  credentials: Basic
): Either.Either<{ readonly user: string; readonly password: string }, string> => {
  const user = reveal(credentials.user)
  const password = reveal(credentials.password)
  if (user === undefined || password === undefined) return Either.left("expected credentials, got a wiped Redacted")
  if (typeof user !== "string" || typeof password !== "string") {
    return Either.left("expected a user name and a password that are strings")
  }
  if (control.test(user) || control.test(password)) {
    return Either.left("expected a user name and a password without control characters")
  }
  const unencodable = credentials.encoding === "latin1" ? beyondLatin1 : loneSurrogate
  if (unencodable.test(user) || unencodable.test(password)) {
    return Either.left(`expected a user name and a password that ${credentials.encoding} can represent`)
  }
  return Either.right({ user, password })
}

const encode = (credentials: Credentials): Either.Either<string, string> => {
  if (credentials._tag === "Bearer") {
    const token = reveal(credentials.token)
    if (token === undefined) return Either.left("expected a token, got a wiped Redacted")
    if (typeof token !== "string") return Either.left(`expected a token that is a string, got ${kindOf(token)}`)
    if (!visible.test(token)) return Either.left("expected a token of one or more visible ASCII characters")
    return Either.right(`Bearer ${token}`)
  }
  return Either.flatMap(revealBasic(credentials), ({ password, user }) =>
    user.includes(":")
      ? Either.left('expected a user name without ":"')
      : Either.right(`Basic ${Buffer.from(`${user}:${password}`, credentials.encoding).toString("base64")}`)
  )
}

const isWiped = (credentials: Credentials): boolean =>
  reveal(credentials._tag === "Bearer" ? credentials.token : credentials.password) === undefined

/**
 * The value of Authorization or Proxy-Authorization, or a description of why the credentials are invalid. Cached per
 * object of credentials.
 */
export const authorizationOf = (credentials: Credentials): Either.Either<string, string> => {
  let result = isWiped(credentials) ? undefined : authorizations.get(credentials)
  if (result === undefined) {
    result = encode(credentials)
    authorizations.set(credentials, result)
  }
  return result
}
