/**
 * Files that change while they are sent: the request fails, and the server never sees a part as the whole.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { HttpBody } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { RequestBodyError } from "effect-http-session/Errors"
import { invariants } from "../support/invariants.js"
import { nonce } from "../support/itFault.js"
import { resumeRead, server } from "../support/server.js"
import { sessionOn } from "../support/stages.js"

const mib = 1024 * 1024

/** More than the socket buffers hold, so that most of the file is unread while the server does not read. */
const size = 32 * mib

const file = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "changing-"))
    const path = Path.join(directory, "file.bin")
    Fs.writeFileSync(path, new Uint8Array(size))
    return { directory, path }
  }),
  ({ directory }) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
)

/** Replaces the bytes of a file in place. `writeFileSync` truncates first, so that a reader may find the file empty. */
const overwrite = (path: string): void => {
  const opened = Fs.openSync(path, "r+")
  Fs.writeSync(opened, Buffer.alloc(size, 1))
  Fs.closeSync(opened)
}

const changes: ReadonlyArray<
  readonly [name: string, change: (path: string) => void, failure: RequestBodyError["reason"] | "any" | undefined]
> = [
  ["is cut short", (path) => Fs.truncateSync(path, size / 2), "Length"],
  ["becomes empty", (path) => Fs.truncateSync(path, 0), "Length"],
  // The server may answer after the announced bytes, before the client finds the surplus.
  ["grows", (path) => Fs.appendFileSync(path, "more"), "any"],
  // The open file still exists.
  ["is removed", (path) => Fs.rmSync(path), undefined],
  ["has other bytes of the same number", overwrite, undefined]
]

describe("a file that changes while it is sent", () => {
  for (const [name, change, reason] of changes) {
    it.scopedLive(
      `${name}: ${reason === "any" ? "sends at most the announced length" : reason === undefined ? "sends the announced length" : `fails with ${reason}`}`,
      () =>
        Effect.gen(function* () {
          const { path } = yield* file
          const begun = yield* Deferred.make<void>()
          const changed = yield* Deferred.make<void>()
          let received = 0
          let answered = false
          let resumed = false
          const at = yield* server([
            (peer) =>
              Effect.gen(function* () {
                let early = 0
                // The callback does not return before, so that the client sends only the content of the socket buffers.
                peer.socket.on("data", (chunk) => {
                  if (!answered) received += chunk.length
                  early += chunk.length
                  if (early < 256 * 1024 || peer.socket.isPaused() || resumed) return
                  peer.socket.pause()
                  Deferred.unsafeDone(begun, Effect.void)
                })
                const { header } = yield* peer.head
                assert.strictEqual(header("content-length"), String(size))
                yield* Deferred.await(changed)
                resumed = true
                yield* resumeRead(peer)
                yield* peer.body
                answered = true
                yield* peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
              })
          ])
          const { connector, session } = yield* sessionOn()
          const test = Effect.gen(function* () {
            const data = yield* HttpBody.file(path)
            const fiber = yield* Effect.fork(session.post(`${at.url}/`, { data }).pipe(ClientResponse.text))
            yield* Deferred.await(begun)
            change(path)
            yield* Deferred.succeed(changed, undefined)
            return yield* Fiber.join(fiber)
          }).pipe(Effect.provide(NodeFileSystem.layer))
          const exit = yield* invariants(test, {
            connector,
            servers: [at],
            tags: ["RequestBodyError"],
            followUp: nonce(session, at)
          })
          // The received bytes include the head.
          assert.isAtMost(received, size + 1024)
          if (reason === undefined || (reason === "any" && Exit.isSuccess(exit)))
            assert.deepStrictEqual(exit, Exit.succeed("done"))
          else {
            assert.isTrue(Exit.isFailure(exit))
            const [error] = Exit.isFailure(exit) ? Cause.failures(exit.cause) : []
            assert.deepInclude(error, { _tag: "RequestBodyError", reason: reason === "any" ? "Length" : reason })
          }
        })
    )
  }
})
