/**
 * An origin for tests of HTTP/2, which runs on any Node: over HTTP/1.1 without TLS behind a proxy, or itself over
 * HTTP/2. It counts the deliveries of requests by their x-id header.
 *
 * node http2Origin.mjs http1 <port> | node http2Origin.mjs http2 <port> <certificate file> <key file>
 */
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { createSecureServer } from "node:http2"
import { gzipSync } from "node:zlib"

const [kind, port, cert, key] = process.argv.slice(2)

const large = "0123456789abcdef".repeat(12_500)
const zipped = gzipSync("zipped text ".repeat(1000))
const deliveries = new Map()

const pieces = (response, rest, end) => {
  if (rest === 0) end()
  else response.write(`piece ${rest}\n`, () => setImmediate(pieces, response, rest - 1, end))
}

const paths = {
  small: (_, response, query) => response.end(`small ${query}`),
  large: (_, response) => {
    response.setHeader("content-length", large.length)
    response.end(large)
  },
  pieces: (_, response) => pieces(response, 20, () => response.end()),
  nothing: (_, response) => {
    response.statusCode = 204
    response.end()
  },
  gzip: (_, response) => {
    response.setHeader("content-encoding", "gzip")
    response.end(zipped)
  },
  hints: (_, response, query) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" })
    response.end(`hinted ${query}`)
  },
  trailers: (_, response, query) => {
    response.setHeader("trailer", "x-checked")
    response.write("with trailers")
    response.addTrailers({ "x-checked": query })
    response.end()
  },
  /** The body as it comes, so that both directions go on at a time. */
  echo: (request, response) => {
    response.writeHead(200)
    request.pipe(response)
  },
  /** The body's length, once it is whole. */
  length: (request, response) => {
    let size = 0
    request.on("data", (chunk) => {
      size += chunk.length
    })
    request.on("end", () => response.end(String(size)))
  },
  /** Refuses an upload before it has come. */
  refused: (_, response) => {
    response.statusCode = 413
    response.end("too large")
  },
  deliveries: (_, response) => {
    const twice = [...deliveries].filter(([, count]) => count > 1).map(([id]) => id)
    response.end(JSON.stringify({ count: deliveries.size, twice }))
  }
}

const handle = (request, response) => {
  request.on("error", () => {})
  response.on("error", () => {})
  const id = request.headers["x-id"]
  if (id !== undefined) deliveries.set(id, (deliveries.get(id) ?? 0) + 1)
  const [path, query = ""] = request.url.slice(1).split("?")
  const answer = Object.hasOwn(paths, path) ? paths[path] : undefined
  if (answer === undefined) {
    response.statusCode = 404
    response.end("not found")
  } else answer(request, response, query)
}

const server =
  kind === "http1"
    ? createServer({ keepAliveTimeout: 600_000 }, handle)
    : createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }, handle)
server.listen(Number(port), "127.0.0.1")
