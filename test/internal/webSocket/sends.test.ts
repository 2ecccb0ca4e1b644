import { Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { awaitSending, Sends } from "../../../src/internal/webSocket/sends.js"

/** A socket whose writes fail at once, like those of the system after a reset that Node has not reported yet. */
class ResetSocket extends Socket {
  override _write(_chunk: unknown, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    done(new Error("write ECONNRESET"))
  }
}

describe("a send on a socket that fails inside the write", () => {
  it.effect("does not count as accepted", () =>
    Effect.gen(function* () {
      const socket = new ResetSocket()
      const sends = new Sends<string>(socket)
      socket.on("error", () => {})
      socket.on("close", () => sends.end("lost"))
      const sending = sends.send(1, false, (written) => socket.write("x", written))
      assert.strictEqual(yield* Effect.flip(awaitSending(sending, (failure) => failure)), "lost")
    })
  )
})
