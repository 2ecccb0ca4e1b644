/** Clients over HTTP/2 with TLS, and this package over HTTP/1.1. Each gets the PEM of the authority. */
import { connect } from "node:http2"
import { decoder, ours } from "./effect.js"
import { promise, undiciRequest } from "./promise.js"

/** node:http2 by itself, with one session. */
const nodeHttp2 = (ca) => {
  let session
  return promise(
    (url) =>
      new Promise((resolve, reject) => {
        const { origin, pathname } = new URL(url)
        session ??= connect(origin, { ca })
        const request = session.request({ ":path": pathname })
        const chunks = []
        request.on("data", (chunk) => chunks.push(chunk))
        request.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
        request.on("error", reject)
      })
  )
}

export const clients = {
  "HTTP/1.1 over TLS with ours": (ca) => ours(decoder, { ca, connector: { limit: 0, http2: false } }),
  "ours: HTTP/2": (ca) => ours(decoder, { ca, connector: { limit: 0, http2: true } }),
  "undici.request with allowH2": (ca) => undiciRequest({ allowH2: true, connect: { ca } }),
  "node:http2": nodeHttp2
}
