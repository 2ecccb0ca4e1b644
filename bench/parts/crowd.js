/** Measures the response times of 500 and 2,000 requests at a time over 100 connections. */
import { measureTable, startClients, stopAll } from "../table.js"

const columns = ["throughput", "cpu", "p50", "p99"]

export const measure = async ({ show, url }) => {
  const clients = await startClients("crowd")
  const tables = []
  for (const concurrency of [500, 2000]) {
    const title = `${concurrency} requests at a time over at most 100 connections`
    const question = { urls: [`${url}/small`], concurrency, timed: true }
    const label = `${concurrency} at a time over 100 connections`
    tables.push(show(await measureTable(clients, title, question, { columns, label })))
  }
  stopAll(clients)
  return tables
}
