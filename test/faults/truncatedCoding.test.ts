/**
 * Compressed bodies that are complete by their framing but lack a trailer or a final block, read in every way over real
 * connections: delivered by default, and refused in strict mode or if only the end of the connection ends them.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Zlib from "node:zlib"
import { HttpClient, KeyValueStore } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import * as Middleware from "effect-http-session/Middleware"
import * as Multipart from "effect-http-session/Multipart"
import * as Session from "effect-http-session/Session"
import * as Tracing from "effect-http-session/Tracing"
import { itFault, outcome } from "../support/itFault.js"
import { fin, type Play, plays, request, type Server, send } from "../support/server.js"

const json = '["no trailer"]'
const form = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nno trailer\r\n--b--\r\n'
const flush = { finishFlush: Zlib.constants.Z_SYNC_FLUSH }

const encodings: ReadonlyArray<readonly [name: string, coding: string, encode: (text: string) => Buffer]> = [
  ["gzip after a flush", "gzip", (text) => Zlib.gzipSync(text, flush)],
  ["gzip without a checksum", "gzip", (text) => Zlib.gzipSync(text).subarray(0, -8)],
  ["deflate after a flush", "deflate", (text) => Zlib.deflateSync(text, flush)],
  ["deflate without a checksum", "deflate", (text) => Zlib.deflateSync(text).subarray(0, -4)],
  ["raw deflate after a flush", "deflate", (text) => Zlib.deflateRawSync(text, flush)]
]

const reply = (coding: string, type: string, ...more: ReadonlyArray<string>) =>
  ["HTTP/1.1 200 OK", `Content-Encoding: ${coding}`, `Content-Type: ${type}`, ...more, "", ""].join("\r\n")

const framings: Readonly<
  Record<"length" | "chunked" | "close", (body: Buffer, coding: string, type: string) => Buffer>
> = {
  length: (body, coding, type) =>
    Buffer.concat([
      Buffer.from(reply(coding, type, `Content-Length: ${body.length}`, "Cache-Control: max-age=60")),
      body
    ]),
  chunked: (body, coding, type) =>
    Buffer.concat([
      Buffer.from(`${reply(coding, type, "Transfer-Encoding: chunked")}${body.length.toString(16)}\r\n`),
      body,
      Buffer.from("\r\n0\r\n\r\n")
    ]),
  close: (body, coding, type) => Buffer.concat([Buffer.from(reply(coding, type)), body])
}

const directory = mkdtempSync(join(tmpdir(), "truncated-"))
process.once("exit", () => rmSync(directory, { recursive: true, force: true }))

type Read = (
  session: Session.SessionService,
  at: Server
) => Effect.Effect<string, ClientError | { readonly _tag: string }>

const reading =
  (read: (response: ClientResponse.ClientResponse) => Effect.Effect<string, ClientError>): Read =>
  (session, at) =>
    ClientResponse.use(session.get(`${at.url}/`, { timeout: "5 seconds" }), (response) =>
      Effect.tap(read(response), () =>
        Effect.sync(() => assert.deepStrictEqual(response.deviations, ["TruncatedCoding"]))
      )
    )

const joined = <E>(stream: Stream.Stream<string, E>) => Stream.runFold(stream, "", (all, part) => all + part)

const doors: ReadonlyArray<readonly [name: string, type: string, text: string, expected: string, read: Read]> = [
  ["text", "text/plain", json, json, reading((response) => response.text)],
  [
    "bytes",
    "text/plain",
    json,
    json,
    reading((response) => Effect.map(response.bytes, (b) => Buffer.from(b).toString()))
  ],
  [
    "json",
    "application/json",
    json,
    json,
    reading((response) => Effect.map(response.json, (value) => JSON.stringify(value)))
  ],
  ["stream", "text/plain", json, json, reading((response) => joined(Stream.decodeText(response.stream)))],
  [
    "lines",
    "text/plain",
    "a\nb",
    "a|b|",
    reading((response) => joined(Stream.map(response.lines, (line) => `${line}|`)))
  ],
  [
    "events",
    "text/event-stream",
    "data: a\n\ndata: b\n\n",
    "ab",
    reading((response) => joined(Stream.map(response.events, (event) => event.data)))
  ],
  [
    "toFile",
    "text/plain",
    json,
    json,
    (session, at) =>
      Effect.suspend(() => {
        const path = join(directory, String(at.port))
        return ClientResponse.toFile(session.get(`${at.url}/`, { timeout: "5 seconds" }), path).pipe(
          Effect.map((response) => {
            assert.deepStrictEqual(response.deviations, ["TruncatedCoding"])
            return readFileSync(path, "utf8")
          }),
          Effect.provide(NodeFileSystem.layer)
        )
      })
  ],
  [
    "HttpClient",
    "text/plain",
    json,
    json,
    (session, at) =>
      HttpClient.get(`${at.url}/`).pipe(
        Effect.flatMap((response) => response.text),
        Effect.provide(Session.layerHttpClient.pipe(Layer.provide(Layer.succeed(Session.Session, session))))
      )
  ]
]

const once = (bytes: Buffer): Play => plays(request, send(bytes))

describe("a coded body without its trailer or final block", () => {
  for (const [name, type, text, expected, read] of doors) {
    for (const [what, coding, encode] of encodings) {
      for (const framing of ["length", "chunked"] as const) {
        itFault(
          `as ${what} with a complete framing by ${framing} gives its ${name} and keeps the connection`,
          once(framings[framing](encode(text), coding, type)),
          (session, at) => Effect.map(read(session, at), (got) => assert.strictEqual(got, expected)),
          (exit, at) => {
            assert.strictEqual(outcome(exit), "Success")
            assert.strictEqual(Effect.runSync(at.accepted), 1)
          }
        )
      }
    }

    const [what, coding, encode] = encodings[0] ?? assert.fail("no encodings")
    itFault(
      `as ${what} is rejected for a reader of ${name} if the end of the connection ends it`,
      plays(request, send(framings.close(encode(text), coding, type)), fin),
      read,
      (exit) => assert.notStrictEqual(outcome(exit), "Success")
    )
    itFault(
      `as ${what} is rejected for a reader of ${name} in strict mode`,
      once(framings.length(encode(text), coding, type)),
      read,
      (exit) => assert.notStrictEqual(outcome(exit), "Success"),
      { connector: { http1: { strict: true } } }
    )
  }

  for (const [what, coding, encode] of encodings) {
    itFault(
      `as ${what} gives its parts, which end with their closing boundary`,
      once(framings.length(encode(form), coding, "multipart/form-data; boundary=b")),
      (session, at) =>
        ClientResponse.use(session.get(`${at.url}/`), (response) =>
          Effect.map(
            Stream.runCollect(Stream.map(Multipart.parts(response), (part) => part._tag === "Field" && part.value)),
            (values) => assert.deepStrictEqual([...values], ["no trailer"])
          )
        )
    )
  }

  itFault(
    "is not a deviation of its connection: the signal of its release lists none",
    once(framings.length(Zlib.gzipSync(json, flush), "gzip", "text/plain")),
    (session, at) =>
      Effect.map(Tracing.collect(session.get(`${at.url}/`).pipe(ClientResponse.text)), ([, signals]) =>
        assert.deepStrictEqual(
          signals.flatMap((signal) => (signal._tag === "ConnectionReleased" ? [signal.deviations] : [])),
          [[]]
        )
      )
  )

  for (const [mode, framing, strict, tag] of [
    ["by default", "length", false, "Success"],
    ["in strict mode", "length", true, "ClientPayloadError"],
    ["where the connection's end ended it", "close", false, "ClientPayloadError"]
  ] as const) {
    itFault(
      `read from the cache ends as it ended from the network, ${mode}`,
      plays(
        request,
        send(
          framing === "length"
            ? framings.length(Zlib.gzipSync(json, flush), "gzip", "text/plain")
            : Buffer.concat([
                Buffer.from(reply("gzip", "text/plain", "Cache-Control: max-age=60")),
                Zlib.gzipSync(json, flush)
              ])
        ),
        ...(framing === "close" ? [fin] : [])
      ),
      (session, at) =>
        Effect.gen(function* () {
          const cached = session.with({
            middlewares: [yield* Effect.provide(Middleware.cache(), KeyValueStore.layerMemory)]
          })
          const get = cached.get(`${at.url}/`, { timeout: "5 seconds" }).pipe(ClientResponse.text)
          const first = yield* Effect.exit(get)
          const second = yield* Effect.exit(get)
          assert.deepStrictEqual([first, second].map(outcome), [tag, tag])
          assert.strictEqual(yield* at.accepted, 1)
        }),
      undefined,
      { connector: { http1: { strict } } }
    )
  }
})
