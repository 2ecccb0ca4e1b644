/** Clients over HTTP/2 with TLS, for the PEM of an authority, and ours over HTTP/1.1. */
import { connect } from "node:http2"
import { decoder, ours } from "./effect.js"
import { promise, undiciRequest } from "./promise.js"

/** node:http2 without a client around it: one session, which is opened once. */
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
