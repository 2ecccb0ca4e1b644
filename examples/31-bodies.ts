/**
 * Bodies: forms, multipart, platform bodies, query parameters, and invalid combinations.
 */
import { FileSystem, HttpBody } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Chunk, Console, Effect, Schema, Stream } from "effect"
import { ClientResponse, Multipart, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"
import { serve } from "./support/server.js"

const Echo = Schema.Struct({
  args: Schema.Record({ key: Schema.String, value: Schema.String }),
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  data: Schema.String
})

const forms = (url: string) =>
  Effect.gen(function* () {
    const post = (data: Parameters<typeof Session.post>[1]) =>
      Session.post(`${url}/post`, data).pipe(
        ClientResponse.schemaJson(Echo),
        Effect.flatMap((echo) => Console.log((echo.headers["content-type"] ?? "none").padEnd(34), echo.data))
      )
    yield* post({ data: { a: 1, b: ["x", "y"], c: undefined } })
    yield* post({
      data: [
        ["a", "1"],
        ["a", "2"]
      ]
    })
    yield* post({ data: "text" })
    yield* post({ data: HttpBody.text("<a/>", "application/xml") })
    yield* post({ json: { page: 2 } })
  })

const multipart = (url: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = `${yield* fs.makeTempDirectoryScoped()}/report.csv`
    yield* fs.writeFileString(path, "a,b\n1,2\n")
    const data = Multipart.make(
      [
        Multipart.part("title", "A report"),
        Multipart.part("meta", JSON.stringify({ pages: 3 }), { contentType: "application/json" }),
        Multipart.part("raw", Stream.make(Buffer.from("streamed")), { filename: "raw.bin", contentLength: 8 }),
        yield* Multipart.file("report", path, { headers: { "x-part": "1" } })
      ],
      { boundary: "example" }
    )
    const echo = yield* Session.post(`${url}/post`, { data }).pipe(ClientResponse.schemaJson(Echo))
    yield* Console.log(`\n${echo.headers["content-type"]}, ${echo.headers["content-length"]} bytes\n${echo.data}`)

    // Reads a multipart response part by part; the server echoes the request.
    const mirror = yield* serve(({ body, headers }) => ({
      headers: { "content-type": headers["content-type"] },
      body
    }))
    const names = yield* Session.post(mirror.url, { data }).pipe(
      ClientResponse.use((response) =>
        Multipart.parts(response).pipe(
          Stream.mapEffect((part) =>
            part._tag === "File"
              ? Effect.map(part.contentEffect, (bytes) => `${part.name} (${bytes.byteLength} bytes)`)
              : Effect.succeed(part.key)
          ),
          Stream.runCollect
        )
      )
    )
    yield* Console.log("read back:", Chunk.toReadonlyArray(names).join(", "))
  })

const queries = (url: string) =>
  Effect.gen(function* () {
    const { args } = yield* Session.get(`${url}/get`, { params: { q: "a b", page: 2, empty: undefined } }).pipe(
      ClientResponse.schemaJson(Echo)
    )
    yield* Console.log("params:", args)

    // A request with two bodies fails before anything is sent.
    yield* Session.post(`${url}/post`, { json: {}, text: "" }).pipe(
      ClientResponse.discard,
      Effect.catchTag("InvalidRequest", (error) => Console.log(`${error.option}: ${error.description}`))
    )
  })

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  yield* forms(url)
  yield* multipart(url)
  yield* queries(url)
}).pipe(Effect.scoped, Effect.provide([Session.layer(), NodeContext.layer]))

NodeRuntime.runMain(program)
