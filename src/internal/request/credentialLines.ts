/** Writes the Authorization and Cookie lines, which are the last of a head. */
import * as Either from "effect/Either"
import { checkField, getField, type OptionFault, type Pairs, toLatin1, toLines } from "../http/headerFields.js"
import { authorizationOf } from "./authorization.js"
import type { PreparedRequest } from "./preparedRequest.js"

/** The Authorization and Cookie lines, or why they cannot be sent. */
export const credentialLines = (
  request: PreparedRequest,
  pairs: Pairs,
  cookieHeader: string | undefined
): string | OptionFault => {
  const expect = getField(pairs, "expect")
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
    return { option: "expect", description: 'expected "100-continue"' }
  }
  const cookie = cookieValue(request, pairs, cookieHeader)
  if (checkField("Cookie", cookie) !== undefined) {
    return { option: "cookies", description: "expected cookies without control characters" }
  }
  const cookieLine = cookie === "" ? "" : `Cookie: ${cookie}\r\n`
  const header = pairs.find(([name]) => name.toLowerCase() === "authorization")
  if (header !== undefined) return toLines([header]) + cookieLine
  if (request.auth === undefined) return cookieLine
  const authorization = authorizationOf(request.auth)
  return Either.isLeft(authorization)
    ? { option: "auth", description: authorization.left }
    : `Authorization: ${authorization.right}\r\n${cookieLine}`
}

/**
 * The value of Cookie, as octets: the Cookie header of the request, then the jar's cookies that the request does not
 * replace, then the request's own cookies.
 */
const cookieValue = (request: PreparedRequest, pairs: Pairs, jar: string | undefined): string => {
  const ofRequest = request.cookies.map(([name, value]) => [toLatin1(name), toLatin1(value)] as const)
  const names = new Set(ofRequest.map(([name]) => name))
  const cookies = pairs.filter(([name]) => name.toLowerCase() === "cookie").map(([, value]) => toLatin1(value))
  if (jar !== undefined && jar !== "") {
    const ofJar =
      names.size === 0 ? [jar] : jar.split("; ").filter((cookie) => !names.has(cookie.split("=", 1)[0] ?? ""))
    cookies.push(...ofJar)
  }
  return [...cookies, ...ofRequest.map(([name, value]) => `${name}=${value}`)].join("; ")
}
