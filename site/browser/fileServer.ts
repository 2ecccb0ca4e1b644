/** Serves a folder on the loopback, as a plain web server does: files only, `index.html` for a folder. */
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, normalize } from "node:path"
import { Effect } from "effect"

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2"
}

/** The URL of a server, without a final slash. */
export const serveFolder = (folder: string) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly close: Effect.Effect<void> }>((resume) => {
      const server = createServer((request, response) => {
        const { pathname } = new URL(request.url ?? "/", "http://localhost")
        const path = normalize(decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname))
        readFile(join(folder, path)).then(
          (bytes) => response.setHeader("content-type", types[extname(path)] ?? "application/octet-stream").end(bytes),
          () => response.writeHead(404).end()
        )
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = Effect.async<void>((done) => {
          server.close(() => done(Effect.void))
          server.closeAllConnections()
        })
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
      })
    }),
    ({ close }) => close
  ).pipe(Effect.map(({ url }) => url))
