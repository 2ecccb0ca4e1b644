/**
 * What is measured: each variant makes a function that requests a URL once and gives its JSON. An Effect variant gives
 * the effect of one request and the layer it runs in.
 */
import http from "node:http"

const promise = (once) => ({ kind: "promise", once })

const effect = async (make) => {
  const [{ Effect, Layer, Stream, Tracer }, library, platform, node] = await Promise.all([
    import("effect"),
    import("../dist/index.js"),
    import("@effect/platform"),
    import("@effect/platform-node")
  ])
  return { kind: "effect", Effect, ...make({ Effect, Layer, Stream, Tracer, ...library, ...platform, ...node }) }
}

const nodeHttp = () => {
  const agent = new http.Agent({ keepAlive: true })
  return promise(
    (url) =>
      new Promise((resolve, reject) => {
        http
          .get(url, { agent }, (response) => {
            const chunks = []
            response.on("data", (chunk) => chunks.push(chunk))
            response.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
            response.on("error", reject)
          })
          .on("error", reject)
      })
  )
}

const dispatch = async (concurrency) => {
  const { Agent } = await import("undici")
  const agent = new Agent({ connections: concurrency })
  return promise((url) => {
    const { origin, pathname } = new URL(url)
    return new Promise((resolve, reject) => {
      const chunks = []
      agent.dispatch(
        { origin, path: pathname, method: "GET" },
        {
          onRequestStart: () => {},
          onResponseStart: () => {},
          onResponseData: (_, chunk) => chunks.push(chunk),
          onResponseEnd: () =>
            resolve(JSON.parse((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)).toString())),
          onResponseError: (_, error) => reject(error)
        }
      )
    })
  })
}

/** @effect/platform's client on one of its layers. */
const platformClient = (layerOf) =>
  effect((all) => ({
    layer: layerOf(all),
    one: (url) => all.Effect.scoped(all.Effect.flatMap(all.HttpClient.get(url), (response) => response.json))
  }))

const ours = (one, wrap) =>
  effect((all) => ({
    layer: all.Session.layer({ connector: { limit: 0 } }),
    use: (run) =>
      all.Effect.flatMap(all.Session.Session, (session) => {
        const body = run((url) => one(all, session, url))
        return wrap === undefined ? body : wrap(all, session, body)
      })
  }))

const decoder = ({ ClientResponse }, session, url) => ClientResponse.json(session.get(url))
const scoped = ({ Effect }, session, url) =>
  Effect.scoped(Effect.flatMap(session.get(url), (response) => response.json))

/** By name; the first is the measure of the others. */
export const variants = {
  "undici.request": async () => {
    const { request } = await import("undici")
    return promise(async (url) => (await request(url)).body.json())
  },
  "undici Agent.dispatch": dispatch,
  "ours: decoder behind a verb": () => ours(decoder),
  "ours: Effect.scoped, get, json": () => ours(scoped),
  "ours: decoder, one reader of signals": () =>
    ours(decoder, ({ Effect, Stream }, session, body) =>
      Effect.scoped(
        Effect.zipRight(Effect.zipRight(Effect.forkScoped(Stream.runDrain(session.signals)), Effect.yieldNow()), body)
      )
    ),
  "ours: decoder, spans under a parent": () =>
    ours(decoder, ({ Effect }, _session, body) => Effect.withSpan(body, "bench", { captureStackTrace: false })),
  "node:http": nodeHttp,
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
