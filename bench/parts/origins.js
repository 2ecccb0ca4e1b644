/** Measures requests to 200 origins in turn. */
import { originsOf } from "../nginxServer.js"
import { measureTable, startClients, stopAll } from "../table.js"

export const measure = async ({ nginx, show, url }) => {
  // The server on Node listens on only one address.
  if (!nginx) return []
  const clients = await startClients("few")
  const urls = originsOf(url).map((origin) => `${origin}/small`)
  const title = "200 origins, concurrency 50"
  const tables = [
    show(await measureTable(clients, title, { urls, concurrency: 50 }, { label: "200 origins, 50 at a time" }))
  ]
  stopAll(clients)
  return tables
}
