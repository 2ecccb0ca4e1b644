/**
 * A body between its connection and its reader: every byte is delivered once and in order.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { InvalidRequest } from "../../../src/Errors.js"
import { IncomingBody } from "../../../src/internal/transport/incomingBody.js"

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("push" as const), size: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.nat(9000)) }),
    fc.record({ do: fc.constantFrom("consume" as const, "resume" as const, "end" as const) })
  ),
  { maxLength: 80 }
)

/** A reader that pauses after some chunks. */
const reader = (pauses: ReadonlyArray<boolean>) => {
  const got: Array<Buffer> = []
  let ends = 0
  return {
    got,
    ends: () => ends,
    consumer: {
      onChunk: (slab: Buffer, start: number, end: number) => {
        got.push(Buffer.from(slab.subarray(start, end)))
        return pauses[got.length % pauses.length] !== true
      },
      onEnd: () => void ends++,
      onError: () => {}
    }
  }
}

describe("IncomingBody", () => {
  it("delivers every byte once and in order", () => {
    fc.assert(
      fc.property(steps, fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }), (all, pauses) => {
        const body = new IncomingBody(undefined, { resume: () => {}, abandon: () => {} })
        const { consumer, ends, got } = reader(pauses)
        const sent: Array<Buffer> = []
        let counter = 0
        for (const step of all) {
          if (step.do === "push" && !body.ended) {
            const piece = Buffer.from(Uint8Array.from({ length: step.size }, () => counter++ & 255))
            sent.push(Buffer.from(piece))
            body.push(piece, 0, piece.length)
            piece.fill(0)
          } else if (step.do === "consume" && !body.consumed) body.consume(consumer)
          else if (step.do === "resume") body.resume()
          else if (step.do === "end") body.end([])
        }
        if (!body.consumed) body.consume(consumer)
        body.end([])
        for (let turn = 0; turn < 200 && ends() === 0; turn++) body.resume()
        assert.strictEqual(ends(), 1)
        assert.isTrue(Buffer.concat(got).equals(Buffer.concat(sent)))
      }),
      { seed: 20261123, numRuns: 500 }
    )
  })

  it("joins bytes that arrive one by one", () => {
    const body = new IncomingBody(undefined, { resume: () => {}, abandon: () => {} })
    const { consumer, got } = reader([false])
    const one = Buffer.from("x")
    for (let count = 0; count < 65_535; count++) body.push(one, 0, 1)
    body.consume(consumer)
    assert.strictEqual(Buffer.concat(got).length, 65_535)
    assert.isBelow(got.length, 100)
  })

  const sent = (...pieces: ReadonlyArray<string>) => {
    const body = new IncomingBody(undefined, { resume: () => {}, abandon: () => {} })
    for (const piece of pieces) {
      const slab = Buffer.from(piece)
      body.push(slab, 0, slab.length)
      slab.fill(0)
    }
    return body
  }

  it("returns a body that arrived in one piece once", () => {
    const body = sent("whole")
    assert.isUndefined(body.takeWhole())
    body.end([])
    assert.strictEqual(body.takeWhole()?.toString(), "whole")
    assert.isTrue(body.consumed)
    assert.isUndefined(body.takeWhole())
  })

  it("does not return a whole body that arrived in pieces, has failed or has a reader", () => {
    const pieces = sent("a", "b")
    pieces.end([])
    assert.isUndefined(pieces.takeWhole())
    const { consumer, got } = reader([false])
    pieces.consume(consumer)
    assert.strictEqual(Buffer.concat(got).toString(), "ab")
    const failed = sent("cut")
    failed.fail(new InvalidRequest({ option: "none", description: "it is for a test" }))
    assert.isUndefined(failed.takeWhole())
    const read = sent("read")
    read.consume(reader([true]).consumer)
    read.end([])
    assert.isUndefined(read.takeWhole())
  })
})
