/**
 * Measures the decoding of server-sent events, of 100 bytes each in chunks of 64 KiB, over eventsource-parser alone.
 */
import { createParser } from "eventsource-parser"
import { EventDecoder } from "../dist/internal/response/body/eventDecoder.js"
import { compare } from "./compare.js"

const events = 20_000
const text = Array.from({ length: events }, (_, id) => `id: ${id}\nevent: tick\ndata: ${"x".repeat(74)}\n\n`).join("")
const bytes = Buffer.from(text)
const chunks = Array.from({ length: Math.ceil(bytes.length / 65536) }, (_, at) =>
  bytes.subarray(at * 65536, (at + 1) * 65536)
)

const check = (found) => {
  if (found !== events) throw new Error(`expected ${events} events, got ${found}`)
}

const parser = () => {
  let found = 0
  const decoder = new TextDecoder()
  const parser = createParser({
    onEvent: () => {
      found++
    }
  })
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }))
  check(found)
}

const ours = () => {
  let found = 0
  const decoder = new EventDecoder()
  for (const chunk of chunks) {
    decoder.push(chunk)
    let out = []
    // A stream reads as many lines in one step.
    while (decoder.read(out, 256) === 0) {
      found += out.length
      out = []
    }
    found += out.length
  }
  check(found)
}

console.log(JSON.stringify(compare({ "eventsource-parser": parser, "ours: decoder of events": ours })))
