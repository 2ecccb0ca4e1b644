/** Clients that request JSON. Each entry creates a client in the process that runs it. */
import http from "node:http"
import { decoder, effect, ours } from "./effect.js"
import { floors } from "./floor.js"
import { nodeHttp, promise, undiciDispatch, undiciRequest } from "./promise.js"

const scoped = ({ Effect }, session, url) =>
  Effect.scoped(Effect.flatMap(session.get(url), (response) => response.json))

/** @effect/platform's client on one of its layers. */
const platformClient = (layerOf) =>
  effect((all) => ({
    layer: layerOf(all),
    one: (url) => all.Effect.scoped(all.Effect.flatMap(all.HttpClient.get(url), (response) => response.json))
  }))

const readingSignals = ({ Effect, Stream }, session, body) =>
  Effect.scoped(
    Effect.zipRight(Effect.zipRight(Effect.forkScoped(Stream.runDrain(session.signals)), Effect.yieldNow()), body)
  )

export const clients = {
  "undici.request": () => undiciRequest(),
  "undici Agent.dispatch": undiciDispatch,
  ...floors(),
  "ours: decoder behind a verb": () => ours(decoder),
  "ours: Effect.scoped, get, json": () => ours(scoped),
  "ours: decoder, one reader of signals": () => ours(decoder, { wrap: readingSignals }),
  "ours: decoder, spans under a parent": () =>
    ours(decoder, {
      wrap: ({ Effect }, _session, body) => Effect.withSpan(body, "bench", { captureStackTrace: false })
    }),
  "node:http": () => nodeHttp(),
  fetch: () => promise(async (url) => (await fetch(url)).json()),
  got: async () => {
    const { got } = await import("got")
    const agent = { http: new http.Agent({ keepAlive: true }) }
    return promise((url) => got(url, { agent, retry: { limit: 0 } }).json())
  },
  axios: async () => {
    const { default: axios } = await import("axios")
    const client = axios.create({ httpAgent: new http.Agent({ keepAlive: true }) })
    return promise(async (url) => (await client.get(url)).data)
  },
  ky: async () => {
    const { default: ky } = await import("ky")
    return promise((url) => ky(url, { retry: 0 }).json())
  },
  "@effect/platform: undici": () => platformClient(({ NodeHttpClient }) => NodeHttpClient.layerUndici),
  "@effect/platform: node:http": () => platformClient(({ NodeHttpClient }) => NodeHttpClient.layer),
  "@effect/platform: fetch": () => platformClient(({ FetchHttpClient }) => FetchHttpClient.layer)
}
