/**
 * Streaming in both directions: bodies as streams, to files, by lines, from streams, with trailers, page by page.
 */
import { FileSystem, Ndjson } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Chunk, Console, Effect, Option, Schema, Stream } from "effect"
import { ClientRequest, ClientResponse, Session, Testing } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

const Row = Schema.Struct({ id: Schema.Number })
const Echo = Schema.Struct({
  received: Schema.Number,
  headers: Schema.Record({ key: Schema.String, value: Schema.String })
})

const downloads = (url: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()

    // The session sends the request when the stream runs; backpressure slows the server down.
    const body = Session.get(`${url}/drip/5`).pipe(ClientResponse.stream)
    const chunks = yield* body.pipe(
      Stream.map((chunk) => chunk.byteLength),
      Stream.runCollect
    )
    yield* Console.log(`a stream: ${Chunk.reduce(chunks, 0, (sum, size) => sum + size)} bytes`)

    yield* Stream.run(body, fs.sink(`${directory}/copy.bin`))
    yield* Console.log(`to a sink: ${(yield* fs.stat(`${directory}/copy.bin`)).size} bytes`)

    // The file is complete or absent. The download continues after a lost connection.
    const { status } = yield* Session.get(`${url}/bytes/1000000`).pipe(
      ClientResponse.toFile(`${directory}/large.bin`, { resume: 5 })
    )
    yield* Console.log(`to a file: ${status}, ${(yield* fs.stat(`${directory}/large.bin`)).size} bytes`)

    const rows = yield* Session.get(`${url}/lines/1000`).pipe(
      ClientResponse.stream,
      Stream.pipeThroughChannel(Ndjson.unpackSchema(Row)()),
      Stream.runCount
    )
    yield* Console.log(`JSON by line: ${rows} rows`)

    // Takes two lines of a thousand and abandons the rest.
    const lines = yield* Session.get(`${url}/lines/1000`).pipe(
      ClientResponse.use((response) => response.lines.pipe(Stream.take(2), Stream.runCollect))
    )
    yield* Console.log("lines:", Chunk.toReadonlyArray(lines).join(" "))
  })

const uploads = (url: string) =>
  Effect.gen(function* () {
    const chunks = Stream.range(1, 100).pipe(Stream.map(() => Buffer.alloc(1024, "x")))
    const sent = yield* Session.put(`${url}/put`, { data: chunks, expect100: true }).pipe(
      ClientResponse.schemaJson(Echo)
    )
    yield* Console.log(
      `upload: ${sent.received} bytes, ${sent.headers["transfer-encoding"]}, expect: ${sent.headers.expect}`
    )

    // A redirect that keeps the method must send the body again.
    const moved = yield* Testing.server([
      [
        { _tag: "Expect", what: "head" },
        { _tag: "Send", data: `HTTP/1.1 307 Elsewhere\r\nLocation: ${url}/post\r\nContent-Length: 0\r\n\r\n` }
      ]
    ])
    yield* Session.post(moved.url, { data: ClientRequest.oneShot(chunks) }).pipe(
      ClientResponse.discard,
      Effect.catchTag("RequestBodyError", (error) => Console.log(`a body that exists once: ${error.reason}`))
    )
  })

const trailers = Effect.gen(function* () {
  const server = yield* Testing.server([
    [
      { _tag: "Expect", what: "head" },
      {
        _tag: "Send",
        data: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nDigest: sha-256=abc\r\n\r\n"
      }
    ]
  ])
  const [text, fields] = yield* Session.get(server.url).pipe(
    ClientResponse.use((response) => Effect.zip(response.text, response.trailers))
  )
  yield* Console.log(
    `trailers: ${text}, then`,
    Option.fromNullable(fields.digest).pipe(Option.getOrElse(() => "nothing"))
  )
})

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  yield* downloads(url)
  yield* uploads(url)
  yield* trailers
}).pipe(Effect.scoped, Effect.provide([Session.layer(), NodeContext.layer]))

NodeRuntime.runMain(program)
