/** Measures messages to an echo server and back. */
import { startServer } from "../processes.js"
import { measureTable, startClients, stopAll } from "../table.js"

export const measure = async ({ show }) => {
  const server = await startServer("./echoServer.js")
  const clients = await startClients("webSocket")
  const tables = []
  for (const [what, size] of [
    ["32 bytes", 32],
    ["64 KiB", 64 * 1024]
  ]) {
    for (const concurrency of [50, 1]) {
      const title = `Echo of a message of ${what} over WebSockets, concurrency ${concurrency}`
      const question = { urls: [`${server.url}/${size}`], concurrency }
      const label = `WebSocket, ${what}, ${concurrency} at a time`
      tables.push(show(await measureTable(clients, title, question, { label })))
    }
  }
  stopAll(clients)
  server.stop()
  return tables
}
