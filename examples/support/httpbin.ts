/**
 * A server on the loopback with paths like those of httpbin.org.
 */
import { setTimeout as delay } from "node:timers/promises"
import * as Zlib from "node:zlib"
import type { Effect, Scope } from "effect"
import { type Answer, type Handler, json, type Request, type Server, type ServerOptions, serve } from "./server.js"

const cookiesOf = (request: Request) =>
  Object.fromEntries(
    (request.headers.cookie ?? "")
      .split("; ")
      .filter((pair) => pair !== "")
      .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)])
  )

const decoded = (request: Request): string => {
  switch (request.headers["content-encoding"]) {
    case "gzip":
      return Zlib.gunzipSync(request.body).toString()
    case "deflate":
      return Zlib.inflateSync(request.body).toString()
    default:
      return request.body.toString()
  }
}

/** Describes the request as JSON. */
const echo = (request: Request): Answer =>
  json({
    method: request.method,
    args: Object.fromEntries(request.query),
    headers: request.headers,
    received: request.body.length,
    data: decoded(request)
  })

async function* drip(size: number, chunks: number, every: number): AsyncIterable<Uint8Array> {
  for (let i = 0; i < chunks; i++) {
    if (i > 0) await delay(every)
    yield Buffer.alloc(size, "x")
  }
}

const setCookies = (request: Request): Answer => ({
  status: 302,
  headers: {
    location: "/cookies",
    "set-cookie": [...request.query].map(([name, value]) => `${name}=${value}; Path=/`)
  }
})

const redirect = (hops: number): Answer => ({
  status: 302,
  headers: { location: hops > 1 ? `/redirect/${hops - 1}` : "/get" }
})

/** Patterns of paths, and their answers. */
const routes: ReadonlyArray<readonly [RegExp, (request: Request, part: string) => Answer | Promise<Answer>]> = [
  [/^\/(?:get|post|put|anything|headers)$/, echo],
  [/^\/cookies$/, (request) => json({ cookies: cookiesOf(request) })],
  [/^\/cookies\/set$/, setCookies],
  [/^\/redirect\/(\d+)$/, (_, hops) => redirect(Number(hops))],
  [/^\/redirect-to$/, ({ query }) => ({ status: 302, headers: { location: query.get("url") ?? "/get" } })],
  [/^\/status\/(\d+)$/, (_, status) => ({ status: Number(status), body: `status ${status}` })],
  [/^\/delay\/(\d+)$/, (request, millis) => delay(Number(millis), echo(request))],
  [/^\/bytes\/(\d+)$/, (_, size) => ({ body: Buffer.alloc(Number(size), "x") })],
  [/^\/drip\/(\d+)$/, (_, chunks) => ({ body: drip(64 * 1024, Number(chunks), 20) })],
  [
    /^\/lines\/(\d+)$/,
    (_, count) => ({ body: Array.from({ length: Number(count) }, (_, i) => `{"id":${i}}\n`).join("") })
  ],
  [/^\/text$/, () => ({ headers: { "content-type": "text/plain; charset=utf-8" }, body: "Привет, Мир!" })]
]

export const handle: Handler = (request) => {
  for (const [pattern, answer] of routes) {
    const match = pattern.exec(request.path)
    if (match !== null) return answer(request, match[1] ?? "")
  }
  return { status: 404, body: `nothing at ${request.path}` }
}

/** Runs the server until the Scope closes. */
export const httpbin = (options?: ServerOptions): Effect.Effect<Server, never, Scope.Scope> => serve(handle, options)
