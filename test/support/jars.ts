/**
 * The content of cookie jars, as tests compare it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as CookieJar from "effect-http-session/CookieJar"

export const url = "https://www.example.com/"

export const header = (jar: CookieJar.CookieJarService, to: string | URL = url) =>
  Effect.map(
    jar.cookieHeader(to),
    Option.getOrElse(() => "")
  )

export const names = (jar: CookieJar.CookieJarService) =>
  Effect.map(jar.entries, (entries) => entries.map((entry) => entry.name))
