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

const underParent = ({ Effect }, _session, body) => Effect.withSpan(body, "bench", { captureStackTrace: false })

/** The span that `Effect.withSpan` makes, with the attributes of the spans of requests. */
const spanned = ({ ClientResponse, Effect }, session, url) => {
  const { hostname, port, protocol } = new URL(url)
  return Effect.withSpan(ClientResponse.json(session.get(url)), "GET", {
    attributes: {
      "http.request.method": "GET",
      "server.address": hostname,
      "server.port": Number(port),
      "url.full": url,
      "url.scheme": protocol.slice(0, -1)
    },
    captureStackTrace: false,
    kind: "client"
  })
}

export const clients = {
  "undici.request": () => undiciRequest(),
  "undici Agent.dispatch": undiciDispatch,
  ...floors(),
  "ours: decoder behind a verb": () => ours(decoder),
  "ours: Effect.scoped, get, json": () => ours(scoped),
  "ours: decoder, one reader of signals": () => ours(decoder, { wrap: readingSignals }),
  "ours: decoder, spans under a parent": () => ours(decoder, { wrap: underParent }),
  "Effect.scoped around the decoder": () =>
    ours(({ ClientResponse, Effect }, session, url) => Effect.scoped(ClientResponse.json(session.get(url)))),
  "Effect.withSpan around the decoder": () => ours(spanned, { options: { spans: false }, wrap: underParent }),
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
