/** Measures requests for JSON of 65 bytes over TLS 1.3. */
import { measureTable, startClients, stopAll } from "../table.js"

export const measure = async ({ certificate, secureUrl, show }) => {
  const clients = await startClients("tls", certificate.cert)
  const tables = []
  for (const concurrency of [50, 1]) {
    const title = `JSON of 65 bytes over TLS 1.3, concurrency ${concurrency}`
    const question = { urls: [`${secureUrl}/small`], concurrency }
    const label = `HTTPS, ${concurrency} at a time`
    tables.push(show(await measureTable(clients, title, question, { label })))
  }
  stopAll(clients)
  return tables
}
