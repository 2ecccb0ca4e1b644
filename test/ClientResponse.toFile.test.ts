import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import type { Progress, RequestOptions } from "effect-http-session/ClientRequest"
import { ClientPayloadError } from "effect-http-session/Errors"
import { make } from "./internal/response/support.js"
import { assertFailed, assertWhole, content, cut, download, etag, rest } from "./support/downloads.js"
import { failure } from "./support/exits.js"
import { scripted } from "./support/savedFiles.js"
import * as Server from "./support/server.js"
import * as Sites from "./support/sites.js"

const { response } = Server

const dated = (modified: string, more: ReadonlyArray<string> = []): ReadonlyArray<string> => [
  `Last-Modified: ${modified}`,
  "Date: Sun, 06 Nov 1994 08:49:39 GMT",
  ...more
]

describe("toFile", () => {
  const outcomes: ReadonlyArray<{
    readonly name: string
    readonly answers: ReadonlyArray<string>
    /** The Range header of each request. */
    readonly ranges: ReadonlyArray<string | undefined>
    readonly resume?: number
    readonly fails?: string
  }> = [
    { name: "writes a file from one response", answers: [cut(20)], ranges: [undefined] },
    {
      name: "continues twice, with the ETag as validator",
      answers: [cut(5), rest(5, 11), rest(11)],
      ranges: [undefined, "bytes=5-", "bytes=11-"]
    },
    {
      name: "continues with Last-Modified as validator",
      answers: [cut(5, dated("Sun, 06 Nov 1994 08:49:37 GMT")), rest(5, 20, [])],
      ranges: [undefined, "bytes=5-"]
    },
    {
      name: "starts over if the server sends the whole file",
      answers: [cut(5), cut(20)],
      ranges: [undefined, "bytes=5-"]
    },
    {
      name: "continues the new version that the server sent instead of a part",
      answers: [cut(5), cut(7, ['ETag: "v2"']), rest(7, 20, ['ETag: "v2"'])],
      ranges: [undefined, "bytes=5-", "bytes=7-"]
    },
    {
      name: "starts over if the ETag is weak",
      answers: [cut(5, ['ETag: W/"v1"']), cut(20)],
      ranges: [undefined, undefined]
    },
    {
      name: "starts over if Last-Modified is as recent as Date",
      answers: [cut(5, dated("Sun, 06 Nov 1994 08:49:39 GMT")), cut(20)],
      ranges: [undefined, undefined]
    },
    {
      name: "starts over if the body has a content coding",
      answers: [cut(5, [etag, "Content-Encoding: foo"]), cut(20)],
      ranges: [undefined, undefined]
    },
    {
      name: "starts over if the server sends another part than the requested one",
      answers: [cut(5), rest(4), cut(20)],
      ranges: [undefined, "bytes=5-", undefined]
    },
    {
      name: "starts over if the server sends a part of another version",
      answers: [cut(5), rest(5, 20, ['ETag: "v2"']), cut(20)],
      ranges: [undefined, "bytes=5-", undefined]
    },
    {
      name: "starts over after 416",
      answers: [cut(5), response(416), cut(20)],
      ranges: [undefined, "bytes=5-", undefined]
    },
    {
      name: "continues after a connection that ends without a response",
      answers: [cut(5), "", rest(5)],
      ranges: [undefined, "bytes=5-", "bytes=5-"]
    },
    {
      name: "starts over a second time after a connection that ends without a response",
      answers: [cut(5, []), "", cut(20)],
      ranges: [undefined, undefined, undefined]
    },
    {
      name: "fails after more breaks than the option resume allows",
      answers: [cut(5), rest(5, 6), rest(6, 7)],
      ranges: [undefined, "bytes=5-", "bytes=6-"],
      resume: 2,
      fails: "ClientPayloadError"
    },
    {
      name: "continues after a part that ends before the file does",
      answers: [
        cut(5),
        `HTTP/1.1 206 Part\r\n${etag}\r\nContent-Range: bytes 5-19/20\r\nContent-Length: 3\r\n\r\n567`,
        rest(8)
      ],
      ranges: [undefined, "bytes=5-", "bytes=8-"]
    },
    {
      name: "fails after the first break with resume: 0",
      answers: [cut(5)],
      ranges: [undefined],
      resume: 0,
      fails: "ClientPayloadError"
    },
    {
      name: "does not write the body of an error",
      answers: [response(404)],
      ranges: [undefined],
      fails: "ClientResponseError"
    },
    {
      name: "does not write the body of an error that follows a break",
      answers: [cut(5), response(410)],
      ranges: [undefined, "bytes=5-"],
      fails: "ClientResponseError"
    },
    {
      name: "does not repeat a request that got no response on two connections",
      answers: ["", ""],
      ranges: [undefined, undefined],
      fails: "ServerDisconnectedError"
    },
    {
      name: "does not continue a part that the request itself asks for",
      answers: [rest(5, 7)],
      ranges: [undefined],
      fails: "ClientPayloadError"
    }
  ]
  for (const { answers, fails, name, ranges, resume } of outcomes) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const { at, connector, request } = yield* scripted(answers)
        const outcome = yield* download(request, resume === undefined ? {} : { resume })
        const asked = yield* at.requests
        assert.deepStrictEqual(
          asked.map(({ header }) => header("range")),
          ranges
        )
        for (const { header } of asked) {
          assert.strictEqual(header("accept-encoding"), "identity")
          assert.strictEqual(header("if-range") === undefined, header("range") === undefined)
        }
        if (fails === undefined) {
          assertWhole(outcome)
          assert.isTrue(Exit.isSuccess(outcome.exit) && outcome.exit.value.status === 200)
        } else assertFailed(outcome, fails)
        assert.strictEqual((yield* connector.stats).acquired, 0)
      })
    )
  }

  it.scopedLive("counts the bytes of all parts against maxBodySize and withMaxBodySize", () =>
    Effect.gen(function* () {
      const begin = `HTTP/1.1 200 OK\r\n${etag}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n`
      const attempt = (options: RequestOptions, size: Option.Option<number>) =>
        Effect.gen(function* () {
          let count = 0
          const server = yield* Server.always((peer) =>
            Effect.zipRight(
              peer.request,
              Effect.suspend(() => Effect.zipRight(peer.send(count++ === 0 ? begin : rest(5)), peer.fin))
            )
          )
          const { session } = yield* Sites.sessionWith()
          const request = session.get(`http://a.test:${server.port}/file`, options)
          return yield* HttpIncomingMessage.withMaxBodySize(download(request), size)
        })
      for (const [options, size] of [
        [{ maxBodySize: 19 }, Option.none()],
        [{}, Option.some(19)]
      ] as const) {
        const outcome = yield* attempt(options, size)
        assertFailed(outcome, "ClientPayloadError")
        assert.propertyVal(failure(outcome.exit), "reason", "TooLarge")
      }
      assertWhole(yield* attempt({ maxBodySize: 20 }, Option.some(20)))
    })
  )

  it.live("does not repeat an effect with a response that does not come from a session", () =>
    Effect.gen(function* () {
      let runs = 0
      const request = Effect.sync(() => {
        runs++
        const made = make({ headers: [["ETag", '"v1"']], length: content.length })
        made.push("01234")
        made.fail(new ClientPayloadError({ reason: "Incomplete", received: 5 }))
        return made.response
      })
      assertFailed(yield* Effect.scoped(download(request)), "ClientPayloadError")
      assert.strictEqual(runs, 1)
    })
  )

  it.scopedLive("reports progress over all parts", () =>
    Effect.gen(function* () {
      const { request } = yield* scripted([cut(5), rest(5)])
      const seen: Array<Progress> = []
      assertWhole(yield* download(request, { onProgress: (progress) => Effect.sync(() => void seen.push(progress)) }))
      assert.deepStrictEqual(
        seen.map(({ direction, total, transferred }) => [direction, transferred, Option.getOrNull(total)]),
        [
          ["download", 5, 20],
          ["download", 20, 20]
        ]
      )
    })
  )
})
