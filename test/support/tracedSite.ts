/**
 * A server for tests of signals, spans and metrics.
 */
import { Effect } from "effect"
import { webServer } from "./signals.js"

export const site = Effect.map(
  webServer((request, response) => {
    const path = request.url ?? ""
    if (path === "/302") response.writeHead(302, { location: "/echo" }).end()
    else if (path.startsWith("/404")) response.writeHead(404).end("no")
    else if (path === "/silent") return
    else if (path === "/cookie") response.writeHead(200, { "set-cookie": "s3cr3t-cookie=1" }).end()
    else
      response
        .writeHead(200, { "x-served": "yes", "content-type": "application/json" })
        .end(JSON.stringify(request.headers))
  }),
  ({ port }) => `http://127.0.0.1:${port}`
)
