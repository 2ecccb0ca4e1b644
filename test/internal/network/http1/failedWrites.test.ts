import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { failedWrite, keepReadable } from "../../../../src/internal/network/http1/failedWrites.js"

/** A socket without a connection; `write` takes the place of its `_write`. */
const socketWith = (write: (this: Net.Socket, chunk: unknown, done: (error?: Error | null) => void) => void) => {
  const socket = new Net.Socket()
  socket._write = function (this: Net.Socket, chunk: unknown, _, done) {
    write.call(this, chunk, done)
  }
  Object.defineProperty(socket, "_writev", { value: undefined })
  return socket
}

const written = (socket: Net.Socket) =>
  Effect.async<Error | null | undefined>((resume) => {
    socket._write("a", "utf8", (error) => resume(Effect.succeed(error)))
  })

describe("keepReadable", () => {
  it.live("calls the callback of a write that the runtime repeats", () =>
    Effect.gen(function* () {
      let calls = 0
      const socket = socketWith(function (chunk, done) {
        calls++
        if (calls === 1) setImmediate(() => this._write(chunk, "utf8", done))
        else done(null)
      })
      keepReadable(socket)
      assert.isNull(yield* written(socket))
      assert.strictEqual(calls, 2)
      socket.destroy()
    })
  )

  it("withholds the error of a write that was repeated", () => {
    const cause = Object.assign(new Error("reset"), { code: "ECONNRESET", syscall: "write" })
    let calls = 0
    const socket = socketWith(function (chunk, done) {
      calls++
      if (calls === 1) this._write(chunk, "utf8", done)
      else done(cause)
    })
    keepReadable(socket)
    let ended = false
    socket._write("a", "utf8", () => {
      ended = true
    })
    assert.isFalse(ended)
    assert.strictEqual(failedWrite(socket), cause)
    socket.destroy()
  })
})
