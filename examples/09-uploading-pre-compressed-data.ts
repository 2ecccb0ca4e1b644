/**
 * Uploading pre-compressed data: a body with a Content-Encoding header is sent unchanged; `compress` compresses.
 */
import { deflateSync, gzipSync } from "node:zlib"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schema, Stream } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

const Echo = Schema.Struct({
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  received: Schema.Number,
  data: Schema.String
})

const text = "all work and no play makes Jack a dull boy\n".repeat(200)

const show = (what: string, { data, headers, received }: typeof Echo.Type) =>
  Console.log(
    what.padEnd(22),
    `content-encoding: ${headers["content-encoding"]},`,
    headers["content-length"] === undefined ? "chunked," : `content-length: ${headers["content-length"]},`,
    `${received} bytes came, ${data.length} after decoding, ${data === text ? "the same text" : "another text"}`
  )

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  yield* Console.log(`the text has ${text.length} bytes`)

  const deflated = yield* Session.post(`${url}/post`, {
    data: deflateSync(text),
    headers: { "content-encoding": "deflate" }
  }).pipe(ClientResponse.schemaJson(Echo))
  yield* show("deflate, by the caller", deflated)

  const gzipped = yield* Session.post(`${url}/post`, {
    data: Stream.make(gzipSync(text)),
    headers: { "content-encoding": "gzip" }
  }).pipe(ClientResponse.schemaJson(Echo))
  yield* show("gzip, from a stream", gzipped)

  const here = yield* Session.post(`${url}/post`, { text, compress: "gzip" }).pipe(ClientResponse.schemaJson(Echo))
  yield* show("compress: gzip", here)

  // Both at once would compress twice.
  yield* Session.post(`${url}/post`, {
    data: gzipSync(text),
    headers: { "content-encoding": "gzip" },
    compress: true
  }).pipe(
    ClientResponse.discard,
    Effect.catchTag("InvalidRequest", (error) => Console.log("both:", error.message))
  )
}).pipe(Effect.scoped, Effect.provide(Session.layer()))

NodeRuntime.runMain(program)
