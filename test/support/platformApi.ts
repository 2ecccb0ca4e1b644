/**
 * A server on Node's http module with one path for each kind of response, and the session as a client of @effect/platform.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { HttpClient } from "@effect/platform"
import { Context, Deferred, Effect, Layer, Schema } from "effect"
import * as Session from "../../src/Session.js"

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

/** A server of node:http on an ephemeral port; returns its URL. */
const serve = (handler: Handler) =>
  Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk) => chunks.push(chunk))
        request.on("end", () => handler(request, response, Buffer.concat(chunks)))
        request.on("error", () => {})
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

export const Todo = Schema.Struct({
  userId: Schema.Number,
  id: Schema.Number,
  title: Schema.String,
  completed: Schema.Boolean
})

export const todo = { userId: 1, id: 1, title: "delectus aut autem", completed: false }

/** The URL of the server; `arrived` and `closed` are done when a request to /stall arrives and when its connection closes. */
export class Api extends Context.Tag("Api")<
  Api,
  { readonly url: string; readonly arrived: Deferred.Deferred<void>; readonly closed: Deferred.Deferred<void> }
>() {
  static readonly Live = Layer.scoped(
    Api,
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const url = yield* serve((request, response, body) => {
        const { pathname, search } = new URL(request.url ?? "/", "http://localhost")
        const json = (value: unknown, status = 200) => {
          response.writeHead(status, { "content-type": "application/json" })
          response.end(JSON.stringify(value))
        }
        switch (pathname) {
          case "/todos/1":
            return json(todo)
          case "/todos":
            return json({ ...JSON.parse(body.toString()), id: 201 }, 201)
          case "/echo":
            return json({
              method: request.method,
              search,
              headers: request.headers,
              body: body.toString("latin1")
            })
          case "/text":
            response.setHeader("set-cookie", ["a=1; Path=/", "b=2; HttpOnly"])
            return response.end("some text")
          case "/form":
            response.setHeader("content-type", "application/x-www-form-urlencoded")
            return response.end("a=1&b=2&a=3")
          case "/multipart":
            response.setHeader("content-type", "multipart/form-data; boundary=xx")
            return response.end('--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--xx--\r\n')
          case "/notjson":
            return response.end("{")
          case "/jsontext":
            response.setHeader("content-type", "text/plain")
            return response.end("[1]")
          case "/empty":
            response.writeHead(200, { "content-type": "application/json", "content-length": "0" })
            return response.end()
          case "/nothing":
            return response.writeHead(204).end()
          case "/redirect":
            return response.writeHead(302, { location: "/todos/1" }).end()
          case "/to":
            return response.writeHead(302, { location: search.slice(1) }).end()
          case "/status":
            return json({ code: search.slice(1) }, Number(search.slice(1)))
          case "/forever": {
            response.write("begin")
            response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
            const timer = setInterval(() => response.write("x".repeat(1000)), 1)
            response.on("close", () => clearInterval(timer))
            return
          }
          case "/stall":
            Deferred.unsafeDone(arrived, Effect.void)
            response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
            return
          case "/cut":
            response.writeHead(200, { "content-length": "10" })
            response.write("12345", () => response.destroy())
            return
          case "/hangup":
            return response.destroy()
          case "/large":
            return response.end(Buffer.alloc(1_000_000, "x"))
          default:
            return response.writeHead(404).end()
        }
      })
      return { url, arrived, closed }
    })
  )
}

/** The client of @effect/platform on a session. */
export const overSession = Session.layerHttpClient.pipe(Layer.provide(Session.layer()))

export const at = (path: string) => Effect.map(Api, ({ url }) => url + path)

export const get = (path: string) => Effect.flatMap(at(path), (url) => HttpClient.get(url))
