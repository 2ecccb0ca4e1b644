/** Informational responses over HTTP/2: their signals, and their limit. */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Tracing from "effect-http-session/Tracing"
import { block } from "../../support/h2Fields.js"
import * as Frames from "../../support/h2Frames.js"
import { Code, headers, Type } from "../../support/h2Frames.js"
import { type H2Server, handshake, respond, response } from "../../support/h2Server.js"
import { outcome } from "../../support/itFault.js"
import { itH2Fault, plays } from "../../support/itH2Fault.js"

const mode = "prior-knowledge"

const hint = (stream: number, link = "</a.css>") => headers(stream, block(":status", "103", "link", link))

const hints = (stream: number, count: number): ReadonlyArray<Buffer> =>
  Array.from({ length: count }, () => hint(stream))

/** The codes of the RST_STREAMs that the first connection got. */
const resets = (at: H2Server) =>
  at.peers[0].frames.filter(({ type }) => type === Type.RST_STREAM).map((frame) => Frames.numberOf(frame))

describe("informational responses over HTTP/2", () => {
  itH2Fault(
    "are signals in front of the final response",
    plays(
      handshake(),
      respond((id) => Buffer.concat([hint(id, "</a.css>"), hint(id, "</b.css>"), response(id, 200, "final")]))
    ),
    (session, at) =>
      Effect.gen(function* () {
        const [text, signals] = yield* session.get(`${at.url}/`).pipe(ClientResponse.text, Tracing.collect)
        assert.strictEqual(text, "final")
        const seen = signals.flatMap((signal) =>
          signal._tag === "ResponseInformational" ? [`${signal.status} ${signal.headers.link}`] : []
        )
        assert.deepStrictEqual(seen, ["103 </a.css>", "103 </b.css>"])
        assert.lengthOf(at.peers, 1)
      })
  )

  for (const [name, count, expected] of [
    ["are accepted up to maxInformational", 3, "Success"],
    ["beyond maxInformational are refused, and the connection goes on", 4, "BadHttpMessage"]
  ] as const) {
    itH2Fault(
      name,
      plays(
        handshake(),
        respond((id) => Buffer.concat([...hints(id, count), response(id, 200, "final")]))
      ),
      (session, at) => session.get(`${at.url}/`, { timeout: "15 seconds" }).pipe(ClientResponse.text),
      (exit, at) => {
        assert.strictEqual(outcome(exit), expected)
        if (Exit.isFailure(exit) && exit.cause._tag === "Fail") {
          assert.deepInclude(exit.cause.error, { reason: "Limit" })
          assert.include(exit.cause.error.message, "http1.maxInformational")
        }
        assert.deepStrictEqual(resets(at), expected === "Success" ? [] : [Code.ENHANCE_YOUR_CALM])
        assert.lengthOf(at.peers, 1)
      },
      { connector: { http2: { mode }, http1: { maxInformational: 3 } } }
    )
  }

  itH2Fault(
    "without end do not extend the limit of the head",
    plays(handshake(), (peer) =>
      Effect.flatMap(peer.head, ({ stream }) =>
        Effect.race(
          peer.frame("RST_STREAM"),
          Effect.forever(Effect.zipRight(peer.send(hint(stream)), Effect.sleep("20 millis")))
        )
      )
    ),
    (session, at) => session.get(`${at.url}/`, { timeout: { headers: "300 millis" } }).pipe(ClientResponse.text),
    (exit, at) => {
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit) && exit.cause._tag === "Fail") {
        assert.deepInclude(exit.cause.error, { _tag: "SocketTimeoutError", phase: "headers" })
      }
      assert.deepStrictEqual(resets(at), [Code.CANCEL])
      assert.lengthOf(at.peers, 1)
    }
  )
})
