/**
 * Slabs: those with kept chunks are never written again, and others are reused.
 */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { DataReader, SlabReader } from "../../../src/internal/transport/socketReader.js"
import { listen } from "../../support/listeners.js"
import { turns } from "../../support/stages.js"

/** Bytes that identify their position and their connection. */
const pattern = (size: number, seed: number): Buffer => {
  const bytes = Buffer.allocUnsafeSlow(size)
  for (let at = 0; at < size; at += 4) bytes.writeUInt32LE((at * 2654435761 + seed) >>> 0, at)
  return bytes
}

const size = 8 * 1024 * 1024

interface Taken {
  /** The received bytes in order: kept slabs themselves, the rest as copies. */
  readonly pieces: ReadonlyArray<Buffer>
  readonly kept: ReadonlyArray<Buffer>
  /** The slabs that were not kept. */
  readonly others: ReadonlySet<Buffer>
}

const take = (port: number, wanted: (slab: Buffer, end: number) => boolean): Effect.Effect<Taken> =>
  Effect.async((resume) => {
    const reader = new SlabReader()
    const socket = Net.connect({ port, host: "127.0.0.1", onread: reader.onread })
    reader.attach(socket)
    const pieces: Array<Buffer> = []
    const kept: Array<Buffer> = []
    const others = new Set<Buffer>()
    reader.read((slab, start, end) => {
      if (wanted(slab, end) && reader.keep()) {
        kept.push(slab)
        pieces.push(slab)
      } else {
        others.add(slab)
        pieces.push(Buffer.from(slab.subarray(start, end)))
      }
      return true
    })
    socket.on("close", () => resume(Effect.succeed({ pieces, kept, others })))
    socket.on("error", (error) => resume(Effect.die(error)))
    return Effect.sync(() => socket.destroy())
  })

const full = (slab: Buffer, end: number) => end === slab.length

/** Sends a pattern on each connection, with the numbers that follow. */
const serve = (seed: number) => {
  let next = seed
  return Effect.map(
    listen("127.0.0.1", 0, (socket) => socket.on("error", () => {}).end(pattern(size, next++))),
    ({ port }) => port
  )
}

describe("SlabReader", () => {
  it.scopedLive("passes on slabs to which it never writes again, for several sockets", () =>
    Effect.gen(function* () {
      const port = yield* serve(0)
      const all = yield* Effect.all([take(port, full), take(port, full), take(port, full)], {
        concurrency: "unbounded"
      })
      const seen = new Set<ArrayBufferLike>()
      const seeds = new Set<number>()
      for (const { kept, pieces } of all) {
        const body = Buffer.concat(pieces)
        seeds.add(body.readUInt32LE(0))
        assert.isTrue(body.equals(pattern(size, body.readUInt32LE(0))))
        assert.isAbove(kept.length, 0)
        for (const slab of kept) {
          assert.isFalse(seen.has(slab.buffer))
          assert.strictEqual(slab.buffer.byteLength, slab.length)
          seen.add(slab.buffer)
        }
      }
      assert.deepStrictEqual([...seeds].sort(), [0, 1, 2])
    })
  )

  it.scopedLive("reads everything into one slab if no chunk is kept", () =>
    Effect.gen(function* () {
      const port = yield* serve(0)
      const first = yield* take(port, () => false)
      const second = yield* take(port, () => false)
      assert.strictEqual(new Set([...first.others, ...second.others]).size, 1)
      assert.isTrue(Buffer.concat(second.pieces).equals(pattern(size, 1)))
    })
  )

  it.scopedLive("returns to that slab after a read that was not kept", () =>
    Effect.gen(function* () {
      const port = yield* serve(0)
      const shared = [...(yield* take(port, () => false)).others][0]
      let reads = 0
      const mixed = yield* take(port, (slab, end) => full(slab, end) && ++reads % 5 !== 0)
      assert.isTrue(Buffer.concat(mixed.pieces).equals(pattern(size, 1)))
      assert.isTrue(shared !== undefined && mixed.others.has(shared))
      assert.isFalse(mixed.kept.some((slab) => slab === shared))
    })
  )
})

describe("DataReader", () => {
  it.scopedLive("lets every chunk be kept, because each has its own memory", () =>
    Effect.gen(function* () {
      const port = yield* serve(7)
      const chunks = yield* Effect.async<ReadonlyArray<Buffer>>((resume) => {
        const socket = Net.connect({ port, host: "127.0.0.1" }).pause()
        const reader = new DataReader(socket)
        const kept: Array<Buffer> = []
        reader.read((slab, start, end) => {
          assert.isTrue(reader.keep())
          kept.push(slab.subarray(start, end))
          return true
        })
        socket.on("close", () => resume(Effect.succeed(kept)))
        return Effect.sync(() => socket.destroy())
      })
      assert.isTrue(Buffer.concat(chunks).equals(pattern(size, 7)))
    })
  )
})

/** A socket that counts the calls that resume reading. */
class Counted extends Net.Socket {
  resumed = 0
  override resume(): this {
    this.resumed++
    return super.resume()
  }
}

/** A reader of slabs without a system below it: `fill` reads like libuv until the reader stops it. */
const reading = (more: () => boolean = () => true) => {
  const reader = new SlabReader()
  const socket = new Counted()
  let reads = 0
  reader.attach(socket)
  reader.read(() => {
    reads++
    return more()
  })
  const fill = (most = 1000): number => {
    const before = reads
    while (reads - before < most && reader.onread.callback(reader.onread.buffer().length)) {}
    return reads - before
  }
  return { reader, socket, fill }
}

describe("a socket whose peer never pauses", () => {
  it.live("pauses after its share of a turn, and is read again in the next one", () =>
    Effect.gen(function* () {
      const { fill, socket } = reading()
      assert.strictEqual(fill(), 8)
      assert.strictEqual(socket.resumed, 0)
      yield* turns(1)
      assert.strictEqual(socket.resumed, 1)
      assert.strictEqual(fill(), 8)
      yield* turns(1)
      assert.strictEqual(socket.resumed, 2)
    })
  )

  it.live("is not read again before the next turn by a consumer that requests more", () =>
    Effect.gen(function* () {
      const { fill, reader, socket } = reading()
      fill()
      reader.resume()
      assert.strictEqual(socket.resumed, 0)
      yield* turns(1)
      assert.strictEqual(socket.resumed, 1)
    })
  )

  it.live("is not read again after a pause while its consumer has enough", () =>
    Effect.gen(function* () {
      let wanted = true
      const { fill, reader, socket } = reading(() => wanted)
      fill(7)
      wanted = false
      assert.strictEqual(fill(), 1)
      yield* turns(2)
      assert.strictEqual(socket.resumed, 0)
      reader.resume()
      assert.strictEqual(socket.resumed, 1)
    })
  )

  it.live("stays untouched after a pause in which it was destroyed", () =>
    Effect.gen(function* () {
      const { fill, socket } = reading()
      fill()
      socket.destroy()
      yield* turns(1)
      assert.strictEqual(socket.resumed, 0)
    })
  )

  it.live("pauses after a bounded number of chunks of one byte, as a TLS peer may send them", () =>
    Effect.gen(function* () {
      const socket = new Net.Socket()
      const reader = new DataReader(socket)
      let chunks = 0
      reader.read(() => {
        chunks++
        return true
      })
      while (!socket.isPaused() && chunks < 1000) socket.emit("data", Buffer.from("a"))
      assert.strictEqual(chunks, 128)
      yield* turns(1)
      assert.isFalse(socket.isPaused())
      socket.destroy()
    })
  )
})
