/**
 * HPACK against the stories of http2jp/hpack-test-case: lists of fields that share one table, with the blocks that six
 * encoders made of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HpackDecoder } from "../../src/internal/network/http2/hpack/decoder.js"
import { HpackEncoder } from "../../src/internal/network/http2/hpack/encoder.js"
import { asRequest, hasStories, stories, type Wire } from "../support/hpackStories.js"
import { decodedByNode } from "../support/nodeHpack.js"

const unlimited = { maxHeadSize: 2 ** 30, maxHeaders: 2 ** 30, maxLineSize: 2 ** 30 }
const isSensitive = (name: string) => name === "authorization" || name === "cookie"

const decode = (decoder: HpackDecoder, block: Buffer): ReadonlyArray<string> => {
  const { names, values } = decoder.decode(block, 0, block.length, unlimited)
  return names.flatMap((name, index) => [name, values[index]])
}

const tableSizeOf = (wire: Wire): number => (typeof wire === "string" ? 4096 : (wire[1] ?? 4096))

describe.skipIf(!hasStories)(hasStories ? "hpack-stories.json" : "hpack-stories.json, which is not here", () => {
  const lists = Object.entries(stories.headers)

  it("the stories have 2230 blocks of six encoders", () => {
    const blocks = Object.values(stories.wires).flatMap((wires) => Object.values(wires).flat())
    assert.deepStrictEqual([Object.keys(stories.wires).length, blocks.length], [6, 2230])
  })

  for (const [name, wires] of Object.entries(stories.wires)) {
    it(`the decoder reads all blocks of ${name}`, () => {
      for (const [story, blocks] of Object.entries(wires)) {
        const decoder = new HpackDecoder(Math.max(4096, ...blocks.map(tableSizeOf)))
        for (const [index, wire] of blocks.entries()) {
          const block = Buffer.from(typeof wire === "string" ? wire : wire[0], "base64")
          assert.deepStrictEqual(decode(decoder, block), stories.headers[story][index], `story ${story}, list ${index}`)
        }
      }
    })
  }

  it("the decoder reads all lists from the encoder, with tables of several sizes", () => {
    for (const size of [4096, 1365, 100, 0]) {
      for (const [story, headers] of lists) {
        const encoder = new HpackEncoder()
        const decoder = new HpackDecoder()
        encoder.setMaxTableSize(size)
        for (const list of headers) {
          for (let round = 0; round < 2; round++) {
            assert.deepStrictEqual(decode(decoder, encoder.encode(list, isSensitive)), list, `story ${story}`)
          }
        }
      }
    }
  })

  it.live("Node's decoder reads all lists from the encoder", () =>
    Effect.gen(function* () {
      for (const [story, headers] of lists) {
        const encoder = new HpackEncoder()
        const requests = headers.map(asRequest)
        const blocks = requests.map((list) => encoder.encode(list, isSensitive))
        assert.deepStrictEqual(yield* decodedByNode(blocks), requests, `story ${story}`)
      }
    })
  )
})
