/** Measures requests for JSON of 64 KiB in gzip. */
import { measureTable, startClients, stopAll } from "../table.js"

export const measure = async ({ show, url }) => {
  const clients = await startClients("gzip")
  const tables = []
  for (const concurrency of [50, 1]) {
    const title = `JSON of 64 KiB in gzip, concurrency ${concurrency}`
    const question = { urls: [`${url}/records`], concurrency }
    const label = `JSON in gzip, ${concurrency} at a time`
    tables.push(show(await measureTable(clients, title, question, { label })))
  }
  stopAll(clients)
  return tables
}
