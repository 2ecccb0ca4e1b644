/**
 * What is measured: each variant makes a function that requests a URL once and gives its JSON. An Effect variant gives
 * the effect of one request and the layer it runs in.
 */
import http from "node:http"
import net from "node:net"

const promise = (once) => ({ kind: "promise", once })

const effect = async (make) => {
  const [{ Effect, Layer, Runtime, Stream, Tracer }, library, platform, node] = await Promise.all([
    import("effect"),
    import("../dist/index.js"),
    import("@effect/platform"),
    import("@effect/platform-node")
  ])
  return {
    kind: "effect",
    Effect,
    Runtime,
    ...make({ Effect, Layer, Stream, Tracer, ...library, ...platform, ...node })
  }
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

const dispatch = async () => {
  const { Agent } = await import("undici")
  const agent = new Agent()
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

/** What a client could cost at the least: it knows how long the reply is and looks only for the end of its head. */
const bare = () => {
  const idle = []
  const open = (url) => {
    const { hostname, pathname, port } = new URL(url)
    const connection = { request: `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`, url, length: 0, text: "" }
    connection.socket = net.connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(128 * 1024),
        callback: (bytes, slab) => {
          connection.text += slab.latin1Slice(0, bytes)
          const body = connection.text.indexOf("\r\n\r\n") + 4
          if (connection.length === 0) {
            connection.length = body + Number(/content-length: (\d+)/i.exec(connection.text)[1])
          }
          if (connection.text.length < connection.length) return true
          const value = JSON.parse(connection.text.slice(body))
          connection.text = ""
          idle.push(connection)
          connection.done(value)
          return true
        }
      }
    })
    connection.socket.on("close", () => connection.failed(new Error("The server closed a connection")))
    return connection
  }
  const take = (url) => {
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      if (last.url === url && !last.socket.destroyed) return last
    }
    return open(url)
  }
  return promise(
    (url) =>
      new Promise((resolve, reject) => {
        const connection = take(url)
        connection.done = resolve
        connection.failed = reject
        connection.socket.write(connection.request, "latin1")
      })
  )
}

/** @effect/platform's client on one of its layers. */
const platformClient = (layerOf) =>
  effect((all) => ({
    layer: layerOf(all),
    one: (url) => all.Effect.scoped(all.Effect.flatMap(all.HttpClient.get(url), (response) => response.json))
  }))

const ours = (one, wrap, ca, http2 = false) =>
  effect((all) => ({
    layer: all.Layer.unwrapEffect(
      all.Effect.map(ca === undefined ? all.Effect.succeed(true) : all.Ssl.context({ ca }), (ssl) =>
        all.Session.layer({ connector: { limit: 0, ssl, http2 } })
      )
    ),
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
  "bare net.Socket with onread": bare,
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

/** The same over TLS, by name, for the PEM of an authority; the first is the measure of the others. */
export const secureVariants = {
  "undici.request": async (ca) => {
    const { Agent, request } = await import("undici")
    const dispatcher = new Agent({ connect: { ca } })
    return promise(async (url) => (await request(url, { dispatcher })).body.json())
  },
  "ours: decoder behind a verb": (ca) => ours(decoder, undefined, ca)
}

/** node:http2 without a client around it: one session, which is opened once. */
const nodeHttp2 = async (ca) => {
  const { connect } = await import("node:http2")
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

/** HTTP/2 over TLS, by name, as above. */
export const http2Variants = {
  "ours: HTTP/1.1 over TLS": (ca) => ours(decoder, undefined, ca),
  "ours: HTTP/2": (ca) => ours(decoder, undefined, ca, true),
  "undici.request with allowH2": async (ca) => {
    const { Agent, request } = await import("undici")
    const dispatcher = new Agent({ allowH2: true, connect: { ca } })
    return promise(async (url) => (await request(url, { dispatcher })).body.json())
  },
  "node:http2": nodeHttp2
}
