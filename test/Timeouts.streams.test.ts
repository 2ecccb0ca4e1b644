import { FileSystem, HttpClient } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Stream, TestClock } from "effect"
import { ClientResponse, Connector, CookieJar, Errors, Multipart, Session } from "effect-http-session"
import { sleeping } from "./support/clock.js"
import { failure } from "./support/exits.js"
import * as Server from "./support/server.js"
import { turns } from "./support/wait.js"

const minute = 60_000

/** The number of pieces of a body: one per minute for 70 minutes. */
const pieces = 70

/** A piece that ends a line, an event, and the previous part of a multipart body. */
const piece = "--b\r\nContent-Type: text/plain\r\n\r\ndata: x\r\n\r\n"

const type = 'Content-Type: multipart/form-data; boundary="b"'
const eventType = "Content-Type: text/event-stream"

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

/** Sends one piece per minute, and stops after `stops` pieces if that is set. */
const feed = (stops = Infinity, contentType = type) =>
  Server.always((peer) =>
    Effect.gen(function* () {
      yield* peer.head
      yield* peer.send(`HTTP/1.1 200 OK\r\n${contentType}\r\nTransfer-Encoding: chunked\r\n\r\n`)
      for (let sent = 0; sent < pieces; sent++) {
        if (sent === stops) return yield* Server.stall(peer)
        yield* Effect.sleep(minute)
        yield* peer.send(chunk(piece))
      }
      yield* peer.send(chunk("--b--\r\n"))
      yield* peer.send("0\r\n\r\n")
    })
  )

/** The same response by the handler of a mock. */
const mocked = Connector.layerMock(() => {
  const encode = (text: string) => new TextEncoder().encode(text)
  const body = Stream.concat(
    Stream.repeatEffect(Effect.as(Effect.sleep(minute), encode(piece))).pipe(Stream.take(pieces)),
    Stream.succeed(encode("--b--\r\n"))
  )
  return Effect.map(
    Stream.toReadableStreamEffect(body),
    (stream) => new Response(stream, { headers: { "content-type": 'multipart/form-data; boundary="b"' } })
  )
})

/** Advances the Clock minute by minute, each time after the server waits for it. */
const passing = (minutes: number) =>
  Effect.repeatN(
    Effect.gen(function* () {
      yield* sleeping(minute)
      yield* TestClock.adjust(minute)
      yield* turns(3)
    }),
    minutes - 1
  )

// The parser of @effect/platform reports a body that fails as a MultipartError, so only that it ends is checked.
type Reader = (
  url: string,
  options?: Parameters<typeof Session.get>[1]
) => Effect.Effect<unknown, unknown, Session.Session>

const get = (url: string, options?: Parameters<typeof Session.get>[1]) => Session.get(url, options)

const streamed: { readonly [name: string]: Reader } = {
  "ClientResponse.stream": (url, options) => Stream.runDrain(ClientResponse.stream(get(url, options))),
  "response.stream": (url, options) =>
    Effect.scoped(Effect.flatMap(get(url, options), ({ stream }) => Stream.runDrain(stream))),
  "response.lines": (url, options) =>
    Effect.scoped(Effect.flatMap(get(url, options), ({ lines }) => Stream.runDrain(lines))),
  "response.events": (url, options) =>
    Effect.scoped(Effect.flatMap(get(url, options), ({ events }) => Stream.runDrain(events))),
  "Multipart.parts": (url, options) =>
    Effect.scoped(Effect.flatMap(get(url, options), (response) => Stream.runDrain(Multipart.parts(response)))),
  "ClientResponse.toFile": (url, options) =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
        return yield* ClientResponse.toFile(get(url, options), `${directory}/file`)
      })
    ).pipe(Effect.provide(NodeFileSystem.layer))
}

const collected: { readonly [name: string]: Reader } = {
  "ClientResponse.text": (url, options) => ClientResponse.text(get(url, options)),
  "response.bytes": (url, options) => Effect.scoped(Effect.flatMap(get(url, options), ({ bytes }) => bytes)),
  "ClientResponse.bytes with onProgress": (url, options) =>
    ClientResponse.bytes(get(url, { ...options, onProgress: () => Effect.void }))
}

const live = Session.layer()

const exitAfter = (minutes: number, reading: Effect.Effect<unknown, unknown, Session.Session>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(Effect.provide(reading, live))
    yield* passing(minutes)
    return yield* Fiber.await(fiber)
  })

describe("the default total", () => {
  for (const [name, read] of Object.entries(streamed)) {
    const kind = name === "response.events" ? eventType : type
    it.scoped(`does not end ${name} of a body that progresses for more than an hour`, () =>
      Effect.gen(function* () {
        const at = yield* feed(Infinity, kind)
        assert.isTrue(Exit.isSuccess(yield* exitAfter(pieces, read(at.url))))
      })
    )

    it.scoped(`is replaced by a limit of five minutes without a byte for ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* feed(7, kind)
        const fiber = yield* Effect.fork(Effect.provide(read(at.url), live))
        yield* passing(7)
        yield* TestClock.adjust(5 * minute - 1)
        yield* turns(5)
        assert.strictEqual(fiber.unsafePoll(), null)
        // A download then requests the rest.
        if (name === "ClientResponse.toFile") return yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust(1)
        const error = failure(yield* Fiber.await(fiber))
        if (name === "Multipart.parts") return
        assert.isTrue(Errors.isClientError(error) && error._tag === "SocketTimeoutError")
        if (!Errors.isClientError(error) || error._tag !== "SocketTimeoutError") return
        assert.deepInclude(
          { timeout: error.timeout, phase: error.phase, limit: Duration.toMillis(error.limit) },
          { timeout: "body", phase: "body", limit: 5 * minute }
        )
      })
    )
  }

  it.scoped("does not end the stream of the HttpClient layer", () =>
    Effect.gen(function* () {
      const at = yield* feed()
      const reading = Effect.flatMap(HttpClient.get(at.url), ({ stream }) => Stream.runDrain(stream)).pipe(
        Effect.provide(Session.layerHttpClient)
      )
      assert.isTrue(Exit.isSuccess(yield* exitAfter(pieces, reading)))
    })
  )

  it.scoped("does not end the stream of a mock", () =>
    Effect.gen(function* () {
      const session = Session.layerWithoutDependencies().pipe(Layer.provide([mocked, CookieJar.layer()]))
      const reading = Stream.runDrain(ClientResponse.stream(Session.get("http://mock.test/")))
      const fiber = yield* Effect.fork(Effect.provide(reading, session))
      yield* passing(pieces)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
    })
  )

  for (const [name, read] of Object.entries(collected)) {
    it.scoped(`ends ${name} although the body progresses`, () =>
      Effect.gen(function* () {
        const at = yield* feed()
        const error = failure(yield* exitAfter(5, read(at.url)))
        assert.isTrue(Errors.isClientError(error) && error._tag === "TotalTimeoutError")
      })
    )
  }

  it.scoped("bounds the time to the head", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.stall)
      const fiber = yield* Effect.fork(
        Effect.provide(Stream.runDrain(ClientResponse.stream(Session.get(at.url))), live)
      )
      yield* Effect.repeatN(turns(5), 5)
      yield* TestClock.adjust(5 * minute)
      const error = failure(yield* Fiber.await(fiber))
      assert.isTrue(Errors.isClientError(error) && error._tag === "TotalTimeoutError")
    })
  )
})

describe("a total that is set", () => {
  for (const [name, read] of Object.entries(streamed)) {
    it.scoped(`ends ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* feed(Infinity, name === "response.events" ? eventType : type)
        const error = failure(yield* exitAfter(6, read(at.url, { timeout: "6 minutes" })))
        if (name === "Multipart.parts") return
        assert.isTrue(Errors.isClientError(error) && error._tag === "TotalTimeoutError")
      })
    )
  }

  it.scoped("ends a stream if the session sets it", () =>
    Effect.gen(function* () {
      const at = yield* feed()
      const reading = Stream.runDrain(ClientResponse.stream(Session.get(at.url)))
      const fiber = yield* Effect.fork(Effect.provide(reading, Session.layer({ timeout: { total: "5 minutes" } })))
      yield* passing(5)
      const error = failure(yield* Fiber.await(fiber))
      assert.isTrue(Errors.isClientError(error) && error._tag === "TotalTimeoutError")
    })
  )

  it.scoped("of five minutes ends a stream, unlike the default", () =>
    Effect.gen(function* () {
      const at = yield* feed()
      const read = streamed["ClientResponse.stream"]
      if (read === undefined) return
      const error = failure(yield* exitAfter(5, read(at.url, { timeout: { total: "5 minutes" } })))
      assert.isTrue(Errors.isClientError(error) && error._tag === "TotalTimeoutError")
    })
  )
})
