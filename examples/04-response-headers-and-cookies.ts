/**
 * Response headers and cookies: case-insensitive, repeated, raw, and parsed.
 *
 * Run it with `npx tsx examples/04-response-headers-and-cookies.ts`.
 */
import { Cookies } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Option } from "effect"
import { Session } from "effect-http-session"
import { serve } from "./support/server.js"

const server = serve((request) =>
  request.path === "/start"
    ? { status: 302, headers: { location: "/report", "set-cookie": "first=1" } }
    : {
        headers: {
          "Content-Type": "text/csv; charset=utf-8",
          "Content-Disposition": 'attachment; filename="report.csv"',
          Link: '</report?page=2>; rel="next"',
          Vary: ["Accept", "Accept-Encoding"],
          "Set-Cookie": ["example_cookie_name=a%20value; Path=/", "other=2; Max-Age=60"]
        },
        body: "id,name\n"
      }
)

const program = Effect.gen(function* () {
  const { url } = yield* server
  const response = yield* Session.get(`${url}/start`)

  // Names are case-insensitive: the first value, or all values.
  yield* Console.log("Content-Type:", Option.getOrNull(response.header("Content-Type")))
  yield* Console.log("vary:        ", response.headerValues("vary"))
  // As headers of @effect/platform: names in lower case, values joined.
  yield* Console.log("headers.vary:", response.headers.vary)

  // As received: bytes, order and case.
  for (const [name, value] of response.rawHeaders.slice(0, 2)) {
    yield* Console.log("raw:         ", `${new TextDecoder("latin1").decode(name)}: ${value.byteLength} bytes`)
  }

  // The cookies of this response. The session's jar contains those of all hops.
  yield* Console.log("cookie:      ", Option.getOrNull(Cookies.getValue(response.cookies, "example_cookie_name")))
  yield* Console.log("of this one: ", Object.keys(response.cookies.cookies))
  const { cookieJar } = yield* Session.Session
  const all = yield* cookieJar.filterCookies(url)
  yield* Console.log(
    "in the jar:  ",
    all.map(({ name, value }) => `${name}=${value}`)
  )

  // Other headers, parsed.
  yield* Console.log("parsed:      ", {
    type: response.contentType,
    charset: Option.getOrNull(response.charset),
    length: Option.getOrNull(response.contentLength),
    file: Option.getOrNull(Option.flatMap(response.contentDisposition, ({ filename }) => filename)),
    next: response.links.get("next")?.url
  })
}).pipe(Effect.scoped, Effect.provide(Session.layer()))

NodeRuntime.runMain(program)
