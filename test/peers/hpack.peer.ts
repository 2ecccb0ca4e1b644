/**
 * What nghttp2's own decoder reads in the blocks of our encoder: nghttpd prints the fields of every request.
 */
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { HpackEncoder } from "../../src/internal/network/http2/hpack/encoder.js"
import { asRequest, hasStories, stories } from "../support/hpackStories.js"
import { clientStart, requestsWith, settingsAck } from "../support/nodeHpack.js"
import { untilValue } from "../support/wait.js"
import { directory, freePort, start } from "./peer.js"

const isSensitive = (name: string) => name === "authorization" || name === "cookie"

/** The lists that nghttpd reads: name, value, name, value. */
const decodedByNghttpd = (lists: ReadonlyArray<ReadonlyArray<string>>) =>
  Effect.gen(function* () {
    const path = yield* directory
    const port = yield* freePort
    let printed = ""
    const args = ["--verbose", "--no-tls", "--address=127.0.0.1", `--htdocs=${path}`, `${port}`]
    yield* start("nghttpd", args, [port], {
      onOutput: (text) => {
        printed += text
      }
    })
    const encoder = new HpackEncoder()
    const blocks = lists.map((list) => encoder.encode(list, isSensitive))
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const socket = connect(port, "127.0.0.1")
        socket.on("error", () => {})
        socket.resume()
        socket.write(Buffer.concat([clientStart, settingsAck, requestsWith(blocks)]))
        return socket
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
    const read = Effect.sync(() => {
      const out: Array<Array<string>> = []
      for (const [, stream, name = "", value = ""] of printed.matchAll(
        /recv \(stream_id=(\d+)(?:, sensitive)?\) (:?[^:]+): (.*)/g
      )) {
        const index = (Number(stream) - 1) / 2
        out[index] ??= []
        out[index].push(name, value)
      }
      const ended = [...printed.matchAll(/recv HEADERS frame <length=\d+, flags=0x[0-9a-f]+, stream_id=(\d+)>/g)]
      return ended.length < lists.length && !printed.includes("GOAWAY") ? undefined : out
    })
    return yield* untilValue(read, (value) => value !== undefined)
  })

describe("nghttp2's decoder", () => {
  it.scopedLive("reads random requests as they were", () =>
    Effect.gen(function* () {
      const value = fc.oneof(
        fc.constantFrom("", "gzip, deflate", "v".repeat(127), "w".repeat(3000)),
        fc.stringMatching(/^[!-~]{0,40}$/)
      )
      const name = fc.constantFrom("accept", "user-agent", "x-a", "x-b", "cookie", "authorization", "if-none-match")
      const list = fc
        .array(fc.tuple(name, value), { maxLength: 8 })
        .map((fields) => [":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/", ...fields.flat()])
      const lists = fc.sample(list, { seed: 20261129, numRuns: 300 })
      assert.deepStrictEqual(yield* decodedByNghttpd(lists), lists)
    })
  )

  it.scopedLive.skipIf(!hasStories)(
    "reads all lists of hpack-stories.json as they were",
    () =>
      Effect.forEach(Object.entries(stories.headers), ([story, lists]) =>
        Effect.gen(function* () {
          const requests = lists.map(asRequest)
          assert.deepStrictEqual(yield* decodedByNghttpd(requests), requests, `story ${story}`)
        }).pipe(Effect.scoped)
      ),
    300_000
  )
})
