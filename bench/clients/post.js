/** Clients that send a small JSON body. */
import { small } from "../payloads.js"
import { ours } from "./effect.js"
import { floors } from "./floor.js"
import { promise } from "./promise.js"

const value = JSON.parse(small)
const headers = { "content-type": "application/json" }

export const clients = {
  "undici.request": async () => {
    const { Agent, request } = await import("undici")
    const dispatcher = new Agent()
    const post = { dispatcher, method: "POST", headers }
    return promise(async (url) => (await request(url, { ...post, body: JSON.stringify(value) })).body.json())
  },
  ...floors(() => ({ body: small })),
  "ours: decoder behind a verb": () =>
    ours(({ ClientResponse }, session, url) => ClientResponse.json(session.post(url, { json: value }))),
  fetch: () =>
    promise(async (url) => (await fetch(url, { method: "POST", headers, body: JSON.stringify(value) })).json())
}
