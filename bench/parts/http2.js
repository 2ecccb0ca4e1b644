/** Measures HTTP/2 over HTTP/1.1, both with TLS. */
import { measureTable, startClients, stopAll } from "../table.js"

export const measure = async ({ certificate, nginx, secureUrl, show }) => {
  // The server on Node speaks only HTTP/1.1.
  if (!nginx) return []
  const tables = []
  for (const [size, path, concurrencies] of [
    ["65 bytes", "/small", [500, 50, 1]],
    ["64 KiB", "/large", [50, 1]]
  ]) {
    const clients = await startClients("http2", certificate.cert)
    for (const concurrency of concurrencies) {
      const title = `JSON of ${size} over HTTP/2, concurrency ${concurrency}`
      const question = { urls: [secureUrl + path], concurrency }
      const label = `HTTP/2, JSON of ${size}, ${concurrency} at a time`
      tables.push(show(await measureTable(clients, title, question, { label })))
    }
    stopAll(clients)
  }
  return tables
}
