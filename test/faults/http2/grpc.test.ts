/** Calls of gRPC to a server on node:http2 in another process: messages in both directions, and the status in trailers. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, type Scope, Stream } from "effect"
import type * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Session from "effect-http-session/Session"
import { program } from "../../support/child.js"
import { h2Session } from "../../support/itH2Fault.js"
import { until, untilValue } from "../../support/wait.js"

const frame = (message: Uint8Array): Uint8Array => {
  const out = new Uint8Array(5 + message.length)
  new DataView(out.buffer).setUint32(1, message.length)
  out.set(message, 5)
  return out
}

const messages = <E, R>(body: Stream.Stream<Uint8Array, E, R>) =>
  Stream.suspend(() => {
    let rest: Buffer = Buffer.alloc(0)
    return Stream.flatMap(body, (chunk) => {
      rest = Buffer.concat([rest, chunk])
      const out: Array<string> = []
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1)
        out.push(rest.subarray(5, end).toString())
        rest = rest.subarray(end)
      }
      return Stream.fromIterable(out)
    })
  })

const framed = (text: string) => frame(Buffer.from(text))

type Call = (method: string, data: Stream.Stream<Uint8Array>) => ReturnType<Session.SessionService["post"]>

/** Checks calls to a server, which may print something. */
const withServer = <E>(
  name: string,
  test: (call: Call, printed: () => string) => Effect.Effect<void, E, Scope.Scope>
) =>
  it.scopedLive(
    name,
    () =>
      Effect.gen(function* () {
        let text = ""
        yield* program("grpcServer", [], {
          onOutput: (all) => {
            text = all
          }
        })
        yield* until(() => text.includes("\n"))
        const { connector, session } = yield* h2Session()
        yield* Effect.scoped(
          test(
            (method, data) =>
              session.post(`http://127.0.0.1:${Number.parseInt(text, 10)}/test.Service/${method}`, {
                data,
                headers: { "content-type": "application/grpc", te: "trailers" },
                timeout: "30 seconds"
              }),
            () => text
          )
        )
        yield* untilValue(connector.stats, ({ acquired, streams }) => acquired === 0 && streams === 0)
      }),
    60_000
  )

const statusOf = (response: ClientResponse.ClientResponse) =>
  Effect.map(response.trailers, (trailers) => [trailers["grpc-status"], trailers["grpc-message"]])

const collect = (response: ClientResponse.ClientResponse) =>
  Effect.map(Stream.runCollect(messages(response.stream)), (all) => Array.from(all))

describe("a call of gRPC", () => {
  withServer("sends messages of any size and receives them, with the status", (call) =>
    Effect.gen(function* () {
      const texts = ["", "hello", "x".repeat(300_000), "end"]
      const response = yield* call("unary", Stream.fromIterable(texts.map(framed)))
      assert.deepStrictEqual(yield* collect(response), texts)
      assert.deepStrictEqual(yield* statusOf(response), ["0", ""])
    })
  )

  withServer("runs in both directions at a time", (call) =>
    Effect.gen(function* () {
      const gates = yield* Effect.all(Array.from({ length: 6 }, () => Deferred.make<void>()))
      // Each message is sent after the answer to the one before.
      const questions = Stream.fromIterable([0, 1, 2, 3, 4]).pipe(
        Stream.mapEffect((index) => Effect.as(Deferred.await(gates[index]), framed(`message ${index}`)))
      )
      yield* Deferred.succeed(gates[0], undefined)
      const response = yield* call("chat", questions)
      const seen: Array<string> = []
      yield* Stream.runForEach(messages(response.stream), (text) => {
        seen.push(text)
        return Deferred.succeed(gates[seen.length], undefined)
      })
      assert.deepStrictEqual(
        seen,
        [0, 1, 2, 3, 4].map((index) => `message ${index}`)
      )
      assert.deepStrictEqual(yield* statusOf(response), ["0", ""])
    })
  )

  withServer("opens 50 streams in both directions on one connection", (call) =>
    Effect.gen(function* () {
      const texts = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, index) => `call ${index}`),
        (text) =>
          Effect.scoped(Effect.flatMap(call("chat", Stream.make(framed(text), framed(`${text} again`))), collect)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        texts,
        Array.from({ length: 50 }, (_, index) => [`call ${index}`, `call ${index} again`])
      )
    })
  )

  withServer("that fails without a message has its status in the headers", (call) =>
    Effect.gen(function* () {
      const response = yield* call("missing", Stream.make(framed("question")))
      assert.deepInclude(response.headers, { "grpc-status": "5", "grpc-message": "no%20such%20thing" })
      assert.deepStrictEqual(yield* collect(response), [])
      assert.deepStrictEqual(Object.keys(yield* response.trailers), [])
    })
  )

  withServer("that the server ends early has the status, and its upload stops", (call) =>
    Effect.gen(function* () {
      const stopped = yield* Deferred.make<void>()
      const questions = Stream.concat(Stream.make(framed("first")), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(stopped, undefined))
      )
      const response = yield* call("exhausted", questions)
      assert.deepStrictEqual(yield* collect(response), ["partial"])
      assert.deepStrictEqual(yield* statusOf(response), ["8", "too much"])
      yield* Deferred.await(stopped)
    })
  )

  withServer("is cancelled if its response is not read to the end", (call, printed) =>
    Effect.gen(function* () {
      const some = yield* Effect.scoped(
        Effect.flatMap(call("endless", Stream.make(framed("question"))), (response) =>
          Stream.runCollect(Stream.take(messages(response.stream), 3))
        )
      )
      assert.deepStrictEqual(Array.from(some), ["tick", "tick", "tick"])
      yield* until(() => printed().includes("cancelled"))
    })
  )
})
