/** Measures JSON of 65 bytes with the editions for Effect 3 and Effect 4, if the second one is built. */
import { existsSync } from "node:fs"
import { here } from "../processes.js"
import { measureTable, startClients, stopAll } from "../table.js"

export const measure = async ({ show, url }) => {
  if (!existsSync(here("../effect4/build/dist"))) {
    console.log("editions: skipped; run `npm run build:effect4` first")
    return []
  }
  const clients = await startClients("editions")
  const tables = []
  for (const concurrency of [50, 1]) {
    const title = `JSON of 65 bytes on Effect 3 and Effect 4, concurrency ${concurrency}`
    tables.push(show(await measureTable(clients, title, { urls: [`${url}/small`], concurrency })))
  }
  stopAll(clients)
  return tables
}
