import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope } from "effect"
import { makeUnixDialer } from "../../../../src/internal/network/dial/dialer.js"
import { connectUnix } from "../../../../src/internal/network/dial/unix.js"
import { of } from "../../../../src/internal/transport/deadlines.js"
import { Sockets } from "../../../../src/internal/transport/networkStream.js"
import { until } from "../../../support/wait.js"
import { listen, makeExchange, openHandles, turn } from "./support.js"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "ehs-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const serve = (path: string): Effect.Effect<{ readonly accepted: () => number }, never, Scope.Scope> => {
  let accepted = 0
  return Effect.acquireRelease(
    Effect.async<{ server: Net.Server; sockets: Set<Net.Socket> }>((resume) => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        accepted += 1
        sockets.add(socket.on("error", () => {}))
      }).listen(path, () => resume(Effect.succeed({ server, sockets })))
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  ).pipe(Effect.as({ accepted: () => accepted }))
}

const open = (path: string) =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const sockets = new Sockets()
    yield* Effect.addFinalizer(() => Effect.sync(() => sockets.destroy()))
    return yield* connectUnix({ path, limit: 30_000, slab: true, deadlines: of(clock), sockets })
  })

const codeOf = (path: string) => Effect.map(Effect.flip(open(path)), ({ code }) => code)

describe("connectUnix", () => {
  it.scopedLive("connects to a path", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "s")
      yield* serve(path)
      const { reader, socket } = yield* open(path)
      assert.isFalse(socket.destroyed)
      assert.isDefined(reader)
    })
  )

  it.scopedLive.skipIf(process.platform !== "linux")("connects to an abstract name", () =>
    Effect.gen(function* () {
      const path = `\0ehs-${process.pid}-${performance.now()}`
      yield* serve(path)
      assert.isFalse((yield* open(path)).socket.destroyed)
      assert.strictEqual(yield* codeOf(`${path}-other`), "ECONNREFUSED")
    })
  )

  it.scopedLive("reports the reason if the path cannot be connected to", () =>
    Effect.gen(function* () {
      const base = yield* directory
      assert.strictEqual(yield* codeOf(join(base, "missing")), "ENOENT")
      writeFileSync(join(base, "file"), "")
      assert.strictEqual(yield* codeOf(join(base, "file")), "ECONNREFUSED")
      assert.strictEqual(yield* codeOf(join(base, "file", "below")), "ENOTDIR")
    })
  )

  it.scopedLive.skipIf(process.getuid?.() === 0)("reports EACCES if it is not permitted", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "s")
      yield* serve(path)
      chmodSync(path, 0)
      assert.strictEqual(yield* codeOf(path), "EACCES")
    })
  )

  it.scopedLive("does not shorten a path, and does not use TCP for an empty one", () =>
    Effect.gen(function* () {
      const base = yield* directory
      const longest = join(base, "x".repeat(107 - base.length - 1))
      yield* serve(longest)
      yield* open(longest)
      assert.strictEqual(yield* codeOf(`${longest}y`), "ENAMETOOLONG")
      assert.strictEqual(yield* codeOf(`${longest}${"y".repeat(1000)}`), "ENAMETOOLONG")
      assert.strictEqual(yield* codeOf(`${longest}\0y`), "EINVAL")
      assert.strictEqual(yield* codeOf(""), "ENOENT")
      assert.strictEqual(yield* codeOf("\0"), "ENOENT")
    })
  )

  it.scopedLive("leaves nothing open when it is interrupted or fails", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "s")
      yield* serve(path)
      const before = openHandles()
      yield* Effect.scoped(codeOf(`${path}-missing`))
      const fiber = yield* Effect.fork(Effect.scoped(Effect.zipRight(open(path), Effect.never)))
      yield* turn
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      // The end of the server may still be open.
      yield* until(() => openHandles() <= before + 1)
    })
  )
})

describe("makeUnixDialer", () => {
  it.scopedLive("uses its socket for every host and proxy of a request", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "s")
      const server = yield* serve(path)
      const tcp = yield* listen()
      const dialer = makeUnixDialer({ path })
      const { exchange, phases } = yield* makeExchange({ host: "127.0.0.1", port: tcp.port })
      const sockets = new Sockets()
      const wire = yield* dialer.dial(exchange, sockets, "never")
      assert.strictEqual(wire.remoteAddress, path)
      assert.deepStrictEqual(phases, ["+connect", "-connect"])
      yield* turn
      assert.strictEqual(server.accepted(), 1)
      assert.strictEqual(tcp.accepted(), 0)
      sockets.destroy()
    })
  )

  it.scopedLive("fails with the path and the code", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "missing")
      const { exchange } = yield* makeExchange({ host: "any.test", port: 80 })
      const error = yield* Effect.flip(makeUnixDialer({ path }).dial(exchange, new Sockets(), "never"))
      assert.strictEqual(error._tag, "UnixClientConnectorError")
      if (error._tag !== "UnixClientConnectorError") return
      assert.deepStrictEqual([error.path, error.code, error.phase, error.host], [path, "ENOENT", "connect", "any.test"])
    })
  )
})
