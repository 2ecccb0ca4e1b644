/** Measures the upload of a form with a text field and a file of 64 KiB. */
import { measureTable, startClients, stopAll } from "../table.js"

export const measure = async ({ show, url }) => {
  const clients = await startClients("multipart")
  const tables = []
  for (const concurrency of [50, 1]) {
    const title = `Upload of a form with a file of 64 KiB, concurrency ${concurrency}`
    const question = { urls: [`${url}/small`], concurrency }
    const label = `Form with a file, ${concurrency} at a time`
    tables.push(show(await measureTable(clients, title, question, { label })))
  }
  stopAll(clients)
  return tables
}
