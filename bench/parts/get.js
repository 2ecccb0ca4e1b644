/** Measures requests for JSON of 65 bytes and of 64 KiB. */
import { measureTable, startClients, stopAll } from "../table.js"

const decoder = "ours: decoder behind a verb"

/** What Effect's own operators cost beside the rows of this package that need them. */
const note = (cpu) =>
  [
    `Over the decoder alone, in CPU: ${cpu("Effect.scoped around the decoder", decoder)} in \`Effect.scoped\` and`,
    `${cpu("ours: Effect.scoped, get, json", decoder)} with a response in it;`,
    `${cpu("Effect.withSpan around the decoder", decoder)} in \`Effect.withSpan\` and`,
    `${cpu("ours: decoder, spans under a parent", decoder)} with the span of the request instead;`,
    `${cpu("ours: decoder, one reader of signals", decoder)} with one reader of signals.`
  ].join(" ")

export const measure = async ({ show, url }) => {
  const clients = await startClients("get")
  const tables = []
  for (const [title, path] of [
    ["JSON of 65 bytes", "/small"],
    ["JSON of 64 KiB", "/large"]
  ]) {
    for (const concurrency of [50, 1]) {
      const label = `${title}, ${concurrency} at a time`
      const question = { urls: [url + path], concurrency }
      tables.push(show(await measureTable(clients, `${title}, concurrency ${concurrency}`, question, { label, note })))
    }
  }
  stopAll(clients)
  return tables
}
