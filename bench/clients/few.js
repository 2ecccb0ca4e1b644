/** Clients for many origins and for servers that close each connection. */
import { decoder, ours } from "./effect.js"
import { nodeHttp, undiciRequest } from "./promise.js"

export const clients = {
  "undici.request": () => undiciRequest(),
  "ours: decoder behind a verb": () => ours(decoder),
  "node:http": () => nodeHttp()
}
