/** Measures requests for JSON of 65 bytes and of 64 KiB. */
import { measureTable, startClients, stopAll } from "../table.js"

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
      tables.push(show(await measureTable(clients, `${title}, concurrency ${concurrency}`, question, { label })))
    }
  }
  stopAll(clients)
  return tables
}
