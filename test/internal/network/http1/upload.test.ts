import { Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Upload } from "../../../../src/internal/network/http1/upload.js"
import type { RequestBody, RequestSink } from "../../../../src/internal/transport/transport.js"
import { type Count, perTurn } from "../../../support/perTurn.js"

/** A socket whose peer accepts everything at once. */
class Greedy extends Socket {
  private readonly count: Count
  private readonly unit: "bytes" | "writes"
  constructor(count: Count, unit: "bytes" | "writes") {
    super()
    this.count = count
    this.unit = unit
  }
  override _write(chunk: Uint8Array, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.count(this.unit === "bytes" ? chunk.length : 1)
    done()
  }
  override _writev(chunks: Array<{ chunk: Uint8Array }>, done: (error?: Error | null) => void): void {
    this.count(this.unit === "bytes" ? chunks.reduce((sum, { chunk }) => sum + chunk.length, 0) : 1)
    done()
  }
}

/** Writes until the upload asks to wait, and continues when it may. */
const sourceOf = (chunk: Uint8Array, times: number) => (sink: RequestSink) => {
  let left = times
  const pump = () => {
    while (left > 0) {
      left--
      if (!sink.write(chunk)) return
    }
    sink.onDrain = undefined
    sink.end()
  }
  sink.onDrain = pump
  pump()
  return { cancel: () => {} }
}

const upload = (body: RequestBody, unit: "bytes" | "writes") =>
  perTurn((count) =>
    Effect.async<void>((resume) => {
      const socket = new Greedy(count, unit)
      const sent = new Upload(socket, body, {
        onSent: () => resume(Effect.void),
        onProgress: () => {},
        onUploadError: (error) => resume(Effect.die(error))
      })
      socket.on("drain", () => sent.drained())
      sent.start()
      return Effect.sync(() => socket.destroy())
    })
  )

const mebi = 1024 * 1024

describe("an upload to a peer that accepts everything at once", () => {
  it.live("writes a bounded number of bytes of an array in one turn", () =>
    Effect.gen(function* () {
      const { all, most } = yield* upload({ _tag: "Bytes", bytes: new Uint8Array(64 * mebi) }, "bytes")
      assert.strictEqual(all, 64 * mebi)
      assert.isAtMost(most, 2 * mebi)
    })
  )

  it.live("writes a bounded number of bytes of large chunks in one turn", () =>
    Effect.gen(function* () {
      const start = sourceOf(new Uint8Array(64 * 1024), 1024)
      const body: RequestBody = { _tag: "Stream", length: 64 * mebi, replayable: false, start }
      const { all, most } = yield* upload(body, "bytes")
      assert.strictEqual(all, 64 * mebi)
      assert.isAtMost(most, 2 * mebi)
    })
  )

  it.live("writes a bounded number of tiny chunks in one turn", () =>
    Effect.gen(function* () {
      const start = sourceOf(new Uint8Array(1), 20_000)
      const body: RequestBody = { _tag: "Stream", length: undefined, replayable: false, start }
      const { all, most } = yield* upload(body, "writes")
      assert.isAtLeast(all, 20_000)
      assert.isAtMost(most, 256)
    })
  )
})
