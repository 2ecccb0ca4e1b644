/**
 * Responses that the server sends before it has received the whole request.
 */
import type { Socket } from "node:net"
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, FiberId, Stream } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Session from "effect-http-session/Session"
import { standard } from "../support/certificates.js"
import { itFault, outcome } from "../support/itFault.js"
import * as Server from "../support/server.js"

const { head, pauseRead, plays, respond, resumeRead, send, stall } = Server

const { good } = await Effect.runPromise(standard())

const options = { tls: good, connector: { ssl: false }, settle: 2000 } as const

const refusal = Server.response(413, "too much")

const post = (session: Session.SessionService, at: Server.Server, data: ClientRequest.Data) =>
  session.post(at.url, { timeout: "10 seconds", data }).pipe(ClientResponse.text)

/** A stream that continues until it is interrupted. */
const endless = () => {
  const interrupted = Deferred.unsafeMake<void>(FiberId.none)
  const stream = Stream.repeatEffect(Effect.as(Effect.sleep(1), Buffer.alloc(1000))).pipe(
    Stream.ensuring(Deferred.succeed(interrupted, undefined))
  )
  return { stream, interrupted: Deferred.await(interrupted) }
}

describe("a final response over TLS to a request that is still being sent", () => {
  for (const status of [200, 413]) {
    for (const length of [10_000_000, undefined]) {
      itFault(
        `${status} ends a stream ${length === undefined ? "in chunks" : "with a length"}, and its connection`,
        plays(head, respond(status, "enough"), stall),
        (session, at) => {
          const { interrupted, stream } = endless()
          return Effect.zipLeft(post(session, at, HttpBody.stream(stream, undefined, length)), interrupted)
        },
        (exit, at) => {
          assert.strictEqual(outcome(exit), "Success")
          assert.strictEqual(Effect.runSync(at.accepted), 2)
        },
        options
      )
    }
  }

  const answered = Deferred.unsafeMake<void>(FiberId.none)
  itFault(
    "413 ends an upload of bytes that the server does not read, and its connection",
    plays(pauseRead, send(refusal), () => Deferred.await(answered), resumeRead, stall),
    (session, at) =>
      Effect.tap(post(session, at, new Uint8Array(50_000_000)), () => Deferred.succeed(answered, undefined)),
    (exit, at) => {
      assert.strictEqual(outcome(exit), "Success")
      assert.isBelow(Effect.runSync(at.received)[0]?.length ?? 0, 50_000_000)
      assert.strictEqual(Effect.runSync(at.accepted), 2)
    },
    options
  )

  itFault(
    "a 200 whose body continues during the upload lets both complete, and keeps the connection",
    plays(
      head,
      send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"),
      Server.body,
      send("4\r\nlast\r\n0\r\n\r\n"),
      Server.answerNonces
    ),
    (session, at) => {
      const pieces = Stream.repeatEffect(Effect.as(Effect.sleep(1), Buffer.alloc(1000))).pipe(Stream.take(50))
      return Effect.map(post(session, at, pieces), (text) => assert.strictEqual(text, "firstlast"))
    },
    (exit, at) => {
      assert.strictEqual(outcome(exit), "Success")
      assert.strictEqual(Effect.runSync(at.accepted), 1)
    },
    options
  )
})

describe("a server that answers and closes while a body is being sent", () => {
  const answer = Server.response(413, "too much", ["Connection: close"])

  for (const chunked of [false, true]) {
    for (const size of [1000, 1_000_000]) {
      const socket = Deferred.unsafeMake<Socket>(FiberId.none)
      const closing = Effect.map(Deferred.await(socket), (peer) => {
        peer.write(answer)
        peer.destroy()
      })
      const total = chunked ? undefined : 1000 + size
      itFault(
        `delivers its answer although a write of ${size} bytes fails, ${chunked ? "chunked" : "with a length"}`,
        plays(head, pauseRead, (peer) => Effect.asVoid(Deferred.succeed(socket, peer.socket)), stall),
        (session, at) => {
          // The second chunk is written between the close of the server and the next read of the client.
          const second = Stream.fromEffect(Effect.as(closing, Buffer.alloc(size)))
          const data = HttpBody.stream(Stream.concat(Stream.make(Buffer.alloc(1000)), second), undefined, total)
          return Effect.map(
            session
              .post(at.url, { timeout: "10 seconds", data })
              .pipe(ClientResponse.use((response) => Effect.map(response.text, (text) => [response.status, text]))),
            (seen) => assert.deepStrictEqual(seen, [413, "too much"])
          )
        },
        (exit) => assert.strictEqual(outcome(exit), "Success"),
        { settle: 2000 }
      )
    }
  }
})
