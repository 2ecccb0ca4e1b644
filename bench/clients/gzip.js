/** Clients that read JSON in gzip. undici.request does not decode it, so its programs do. */
import { gunzip, gunzipSync } from "node:zlib"
import { decoder, ours } from "./effect.js"
import { promise } from "./promise.js"

const accepted = { "accept-encoding": "gzip" }

const undici = async (decode) => {
  const { Agent, request } = await import("undici")
  const dispatcher = new Agent()
  return promise(async (url) => {
    const { body } = await request(url, { dispatcher, headers: accepted })
    return JSON.parse(await decode(Buffer.from(await body.arrayBuffer())))
  })
}

const inThreads = (bytes) =>
  new Promise((resolve, reject) => gunzip(bytes, (error, text) => (error ? reject(error) : resolve(text.toString()))))

export const clients = {
  "undici.request, zlib.gunzip": () => undici(inThreads),
  "undici.request, zlib.gunzipSync": () => undici((bytes) => gunzipSync(bytes).toString()),
  "ours: decoder behind a verb": () => ours(decoder),
  fetch: () => promise(async (url) => (await fetch(url)).json()),
  got: async () => {
    const { got } = await import("got")
    return promise((url) => got(url, { retry: { limit: 0 } }).json())
  }
}
