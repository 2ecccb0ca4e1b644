/** Converts the cookies of a response to the Cookies type of @effect/platform. */
import * as Cookies from "@effect/platform/Cookies"
import * as Duration from "effect/Duration"
import { conceal } from "../inspection.js"
import { redacted } from "../redact.js"
import { parseSetCookie, type SetCookie } from "./parse.js"

const prototype: object = Object.getPrototypeOf(Cookies.unsafeMakeCookie("name", ""))

const decodePercent = (text: string): string => {
  if (!text.includes("%")) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const toOptions = (parsed: SetCookie): Cookies.Cookie["options"] => {
  const options: {
    -readonly [K in keyof NonNullable<Cookies.Cookie["options"]>]: NonNullable<Cookies.Cookie["options"]>[K]
  } = {}
  if (parsed.domain !== undefined && parsed.domain !== "") options.domain = parsed.domain
  if (parsed.path?.startsWith("/") === true) options.path = parsed.path
  if (parsed.expires !== undefined) options.expires = new Date(parsed.expires)
  if (parsed.maxAge !== undefined) options.maxAge = Duration.seconds(parsed.maxAge)
  if (parsed.secure) options.secure = true
  if (parsed.httpOnly) options.httpOnly = true
  if (parsed.partitioned) options.partitioned = true
  if (parsed.sameSite !== undefined) options.sameSite = parsed.sameSite
  return Object.keys(options).length === 0 ? undefined : options
}

/** The printed form of a cookie, without its value. */
const shownCookie = ({ name, options }: Cookies.Cookie): object => ({
  _id: "@effect/platform/Cookies/Cookie",
  name,
  value: redacted,
  options
})

const toCookie = (parsed: SetCookie): Cookies.Cookie => {
  const cookie: Cookies.Cookie = Object.assign(Object.create(prototype), {
    name: parsed.name,
    value: decodePercent(parsed.value),
    valueEncoded: parsed.value,
    options: toOptions(parsed)
  })
  const { toJSON } = cookie
  return conceal(
    cookie,
    () => shownCookie(cookie),
    (self) => toJSON.call(self)
  )
}

/**
 * The cookies of Set-Cookie lines by name, even if a jar would reject them; of several with one name, the last. `value`
 * is percent-decoded, `valueEncoded` is as received. The record has no prototype, so that "__proto__" is a valid name.
 */
export const fromLines = (lines: ReadonlyArray<string>): Cookies.Cookies => {
  if (lines.length === 0) return Cookies.empty
  const record: Record<string, Cookies.Cookie> = Object.create(null)
  for (const line of lines) {
    const parsed = parseSetCookie(line)
    if (parsed !== undefined && parsed.name !== "") record[parsed.name] = toCookie(parsed)
  }
  const shown = () => ({
    _id: "@effect/platform/Cookies",
    cookies: Object.fromEntries(Object.entries(record).map(([name, cookie]) => [name, shownCookie(cookie)]))
  })
  const cookies = Cookies.fromReadonlyRecord(record)
  const { toJSON } = cookies
  return conceal(cookies, shown, (self) => toJSON.call(self))
}
