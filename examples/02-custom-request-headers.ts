/**
 * Custom request headers: for one request or for a session, repeated, secret, or omitted.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Redacted, Schema } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

const Echo = Schema.Struct({
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  received: Schema.Number,
  data: Schema.String
})

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()

  const image = yield* Session.post(`${url}/post`, {
    data: Uint8Array.from(Buffer.from("GIF89a\u0001\u0000\u0001\u0000", "latin1")),
    headers: { "content-type": "image/gif" }
  }).pipe(ClientResponse.schemaJson(Echo))
  yield* Console.log("bytes:        ", image.headers["content-type"], `${image.received} bytes`)
  yield* Console.log("from session: ", image.headers.authorization)

  const json = yield* Session.post(`${url}/post`, { json: { example: "text" } }).pipe(ClientResponse.schemaJson(Echo))
  yield* Console.log("json:         ", json.headers["content-type"], json.data)

  const text = yield* Session.post(`${url}/post`, { text: "Привет, Мир!" }).pipe(ClientResponse.schemaJson(Echo))
  yield* Console.log("text:         ", text.headers["content-type"], text.data)

  // Pairs keep their order and case, and may repeat a name. A redacted value is sent but never shown.
  const pairs = yield* Session.get(`${url}/headers`, {
    headers: [
      ["X-Tag", "a"],
      ["X-Tag", "b"],
      ["X-Api-Key", Redacted.make("s3cret")]
    ]
  }).pipe(ClientResponse.schemaJson(Echo))
  yield* Console.log("repeated:     ", pairs.headers["x-tag"])
  yield* Console.log(
    "redacted:     ",
    pairs.headers["x-api-key"],
    "on the wire,",
    String(Redacted.make("s3cret")),
    "here"
  )

  // In a record, an array repeats the header and undefined omits it.
  const record = yield* Session.get(`${url}/headers`, {
    headers: { "x-tag": ["c", "d"], "if-none-match": undefined },
    skipAutoHeaders: ["user-agent"]
  }).pipe(ClientResponse.schemaJson(Echo))
  yield* Console.log("record:       ", record.headers["x-tag"])
  yield* Console.log("user-agent:   ", pairs.headers["user-agent"], "or", record.headers["user-agent"] ?? "none at all")
}).pipe(Effect.scoped, Effect.provide(Session.layer({ headers: { Authorization: "Basic bG9naW46cGFzcw==" } })))

NodeRuntime.runMain(program)
