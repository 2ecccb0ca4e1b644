/** Multipart, a body that the caller compresses, and streams with progress. */
import { deflateSync } from "node:zlib"
import { Effect, Option, Stream } from "effect"
import { type ClientRequest, ClientResponse, Multipart, Session } from "effect-http-session"
import { fact, section } from "./print.js"
import { Echo, World } from "./world.js"

/** Collects the progress of a body in percent. */
const percentages = () => {
  const seen: Array<string> = []
  const onProgress = ({ total, transferred }: ClientRequest.Progress) =>
    Effect.sync(() => {
      const percent = Option.map(total, (size) => `${Math.round((transferred / size) * 100)} %`)
      seen.push(Option.getOrElse(percent, () => `${Math.round(transferred / 1024)} KiB`))
    })
  return { seen, onProgress }
}

export const bodies = Effect.gen(function* () {
  yield* section("Bodies: multipart, pre-compressed, streamed with progress")
  const { plain } = yield* World

  const data = Multipart.make([
    Multipart.part("title", "A report"),
    Multipart.part("raw", Stream.make(Buffer.from("streamed")), { filename: "raw.bin", contentLength: 8 })
  ])
  const form = yield* Session.post(`${plain.url}/post`, { data }).pipe(ClientResponse.schemaJson(Echo))
  yield* fact("multipart", `${form.received} bytes, ${form.headers["content-type"]?.split(";")[0]}`)

  const text = "all work and no play\n".repeat(100)
  const zipped = yield* Session.post(`${plain.url}/post`, {
    data: deflateSync(text),
    headers: { "content-encoding": "deflate" }
  }).pipe(ClientResponse.schemaJson(Echo))
  yield* fact("pre-compressed", `${zipped.received} bytes sent, ${zipped.data.length} after decoding`)

  const up = percentages()
  const size = 256 * 1024
  yield* Session.put(`${plain.url}/put`, {
    data: Stream.range(1, 4).pipe(Stream.map(() => new Uint8Array(size / 4))),
    headers: { "content-length": String(size) },
    onProgress: up.onProgress
  }).pipe(ClientResponse.discard)
  yield* fact("upload from a stream", up.seen.join(", "))

  const down = yield* Session.get(`${plain.url}/drip/4`).pipe(
    ClientResponse.stream,
    Stream.scan(0, (sum, chunk) => sum + chunk.byteLength),
    Stream.filter((sum) => sum > 0 && sum % (64 * 1024) === 0),
    Stream.map((sum) => `${sum / 1024} KiB`),
    Stream.runCollect
  )
  yield* fact("download as a stream", [...down].join(", "))
})
