/** Clients with at most 100 connections, for more concurrent requests. */
import { decoder, ours } from "./effect.js"
import { nodeHttp, undiciRequest } from "./promise.js"

export const clients = {
  "undici.request": () => undiciRequest({ connections: 100 }),
  "ours: decoder behind a verb": () => ours(decoder, { connector: { limit: 100 } }),
  "node:http": () => nodeHttp({ maxSockets: 100 })
}
