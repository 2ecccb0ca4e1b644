/** Measures requests to a server that closes each connection. */
import { measureTable, startClients, stopAll } from "../table.js"

export const measure = async ({ show, url }) => {
  const clients = await startClients("few")
  const tables = []
  for (const concurrency of [50, 1]) {
    const title = `A server that closes each connection, concurrency ${concurrency}`
    const question = { urls: [`${url}/close`], concurrency }
    const label = `Closed connections, ${concurrency} at a time`
    tables.push(show(await measureTable(clients, title, question, { label })))
  }
  stopAll(clients)
  return tables
}
