/**
 * Requests of a process that may open no more files.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { standard } from "../support/certificates.js"
import { children, output } from "../support/child.js"
import * as Server from "../support/server.js"

describe("a process without free file descriptors", () => {
  it.scopedLive.skipIf(process.platform === "win32")(
    "fails requests that need one with a typed error, and answers all other and later ones",
    () =>
      Effect.gen(function* () {
        const { good } = yield* standard()
        const full = yield* Deferred.make<void>()
        const answers = Server.answers(({ target }) => Server.response(200, target === "/held" ? "answered" : "more"))
        const held: Server.Play = (peer) => Effect.zipRight(Deferred.await(full), answers(peer))
        const plain = yield* Server.always(held)
        const secure = yield* Server.always(held, { tls: good })
        const command = `ulimit -n 256; exec "$0" --import tsx "$@"`
        const args = ["-c", command, process.execPath, children("descriptors"), plain.url, secure.url]
        const all = yield* output("sh", args, {
          onOutput: (text) => {
            if (text.includes("full")) Deferred.unsafeDone(full, Effect.void)
          }
        })
        const seen = JSON.parse(all.split("\n")[1] ?? "{}")
        assert.isAbove(seen.answered, 10)
        assert.isBelow(seen.answered, 256)
        assert.deepStrictEqual(seen.others, ["ClientConnectorError EMFILE"])
        assert.strictEqual(seen.while, "ClientConnectorError EMFILE")
        // Whether a lookup needs a descriptor depends on the system.
        assert.match(seen.named, /^(ClientConnectorDNSError \w+|ClientConnectorError EMFILE)$/)
        assert.deepStrictEqual(seen.after, ["more", "more"])
        assert.strictEqual(seen.left, 0)
      }),
    60_000
  )
})
