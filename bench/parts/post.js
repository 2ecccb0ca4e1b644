/** Measures a POST of JSON of 65 bytes, which is answered with JSON of the same size. */
import { measureTable, startClients, stopAll } from "../table.js"

export const measure = async ({ show, url }) => {
  const clients = await startClients("post")
  const tables = []
  for (const concurrency of [50, 1]) {
    const title = `POST of JSON of 65 bytes, concurrency ${concurrency}`
    const question = { urls: [`${url}/small`], concurrency }
    const label = `POST of JSON, ${concurrency} at a time`
    tables.push(show(await measureTable(clients, title, question, { label })))
  }
  stopAll(clients)
  return tables
}
