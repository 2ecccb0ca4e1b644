/**
 * Secrets in every place that a program or a peer can put one, and how they are found again.
 */
import { Redacted } from "effect"
import * as Auth from "effect-http-session/Auth"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import { printed } from "./renderings.js"

/** The beginning of every secret. */
const mark = "s3cr3t-"

/** A secret that contains its place, which a report then shows. */
export const secret = (place: string): string => `${mark}${place}-0123456789`

const pairs = ["url", "proxy", "basic", "netrc"].map((place) => `user:${secret(place)}`)

/** Texts that no rendering may contain: the beginning of a secret, and Basic credentials with one. */
const needles = [mark, ...pairs.map((pair) => Buffer.from(pair).toString("base64"))]

/** The secrets in a text, each with its surroundings. */
export const found = (text: string): ReadonlyArray<string> =>
  needles.flatMap((needle) => {
    const at = text.indexOf(needle)
    return at === -1 ? [] : [text.slice(Math.max(0, at - 60), at + 60)]
  })

/** The secrets that a value shows, by the name of the rendering. */
export const leaks = (
  value: unknown,
  what: string,
  renderings: (value: unknown) => Record<string, string> = printed
): ReadonlyArray<string> =>
  Object.entries(renderings(value)).flatMap(([how, text]) =>
    found(text).map((around) => `${what}, by ${how}: ${around}`)
  )

/** A query with parameters whose names mean a signature or an authorisation. */
export const query = ["X-Amz-Signature", "oauth_token", "sig", "secret_key", "reset_token", "jwt_token"]
  .map((name) => `${name}=${secret(name)}`)
  .join("&")

/** `url` with credentials, a signed query, and a fragment with a token. */
export const signed = (url: string): string =>
  `${url.replace("://", `://user:${secret("url")}@`)}?page=2&${query}#access_token=${secret("fragment")}`

export const proxyUrl = (url: string): string => url.replace("://", `://user:${secret("proxy")}@`)

/** Headers with secret names, and one with a redacted value. */
export const headers: ClientRequest.HeadersInput = {
  "X-Api-Key": secret("api-key"),
  "X-Auth-Token": secret("auth-token"),
  "Proxy-Authorization": `Bearer ${secret("proxy-authorization")}`,
  "X-Functions-Key": secret("functions-key"),
  "X-Tenant": Redacted.make(secret("redacted"))
}

export const proxyHeaders: ClientRequest.HeadersInput = {
  "X-Proxy-Token": secret("proxy-token"),
  "X-Proxy-Tenant": Redacted.make(secret("proxy-redacted"))
}

export const cookies: ClientRequest.CookiesInput = { sid: secret("cookie") }

export const basic = Auth.basic("user", secret("basic"))

export const bearer = Auth.bearer(secret("bearer"))

/** Headers of a response. */
export const answerHeaders: ReadonlyArray<string> = [
  `Set-Cookie: sid=${secret("set-cookie")}; Path=/; HttpOnly`,
  `X-Auth-Token: ${secret("answered-token")}`,
  `Link: <https://user:${secret("link")}@a.test/?page=3&access_token=${secret("link-token")}>; rel="next"`,
  `Authentication-Info: nextnonce="n", rspauth="${secret("rspauth")}"`
]

/** Fields of a form or of a JSON document. */
export const form = { grant_type: "password", username: "user", password: secret("form"), otp: secret("otp") }
