/**
 * The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B), read four bits at a time.
 */
import { HpackError } from "./hpackError.js"

/**
 * The length in bits of the code of each byte, and of EOS at last. The code is canonical: codes of one length are
 * consecutive numbers in the order of the bytes, so they follow from their lengths.
 */
const lengths: ReadonlyArray<number> = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30
]

const longestCode = 30
const EOS = 256

// An entry of the table: the next state in bits 0 to 7, a byte to emit in bits 16 to 23, and flags.
/** The four bits complete a byte. */
const emits = 1 << 8
/** The text may end here: fewer than eight bits since the last byte, all of them 1. */
const accepts = 1 << 9
/** The four bits complete EOS, which no text contains. */
const fails = 1 << 10

/** The inner nodes of the code's tree. A child is the number of an inner node, or `~byte`. Node 0 is the root. */
const toTree = (): ReadonlyArray<[zero: number, one: number]> => {
  const nodes: Array<[number, number]> = [[0, 0]]
  let code = 0
  for (let length = 1; length <= longestCode; length++) {
    code *= 2
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (lengths[symbol] !== length) continue
      let node = 0
      for (let bit = length - 1; bit > 0; bit--) {
        const side = (code >>> bit) & 1
        if (nodes[node][side] === 0) nodes[node][side] = nodes.push([0, 0]) - 1
        node = nodes[node][side]
      }
      nodes[node][code & 1] = ~symbol
      code++
    }
  }
  return nodes
}

/** The table of states: a state is an inner node of the tree, and has one entry for each of 16 values of four bits. */
const toTable = (): Int32Array => {
  const tree = toTree()
  const padding = new Set([0])
  for (let node = 0, bits = 0; bits < 7; bits++) {
    node = tree[node][1]
    padding.add(node)
  }
  const table = new Int32Array(tree.length * 16)
  for (let state = 0; state < tree.length; state++) {
    for (let four = 0; four < 16; four++) {
      let node = state
      let entry = 0
      for (let bit = 3; bit >= 0; bit--) {
        const child: number = tree[node][(four >>> bit) & 1]
        if (child >= 0) node = child
        else {
          entry |= ~child === EOS ? fails : emits | (~child << 16)
          node = 0
        }
      }
      table[(state << 4) | four] = entry | node | (padding.has(node) ? accepts : 0)
    }
  }
  return table
}

let table: Int32Array | undefined

/** The most bytes that `length` encoded bytes decode to: the shortest code has five bits. */
export const decodedBound = (length: number): number => Math.floor((length * 8) / 5)

/**
 * Decodes `bytes[start,end)` into `out`, which must have room for `decodedBound` bytes. Returns the number of decoded
 * bytes. Throws a `HpackError` for EOS, and for padding of eight bits or more or with a bit of 0.
 */
export const decodeHuffman = (bytes: Buffer, start: number, end: number, out: Buffer): number => {
  table ??= toTable()
  let state = 0
  let entry = accepts
  let size = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    entry = table[(state << 4) | (byte >>> 4)]
    let failed = entry
    if ((entry & emits) !== 0) out[size++] = entry >>> 16
    entry = table[((entry & 0xff) << 4) | (byte & 15)]
    failed |= entry
    if ((entry & emits) !== 0) out[size++] = entry >>> 16
    if ((failed & fails) !== 0) throw new HpackError("expected Huffman codes of bytes, got the code of EOS")
    state = entry & 0xff
  }
  if ((entry & accepts) === 0) {
    throw new HpackError("expected at most 7 bits of padding after a Huffman text, all 1, got other bits")
  }
  return size
}
