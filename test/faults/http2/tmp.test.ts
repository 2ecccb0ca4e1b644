import * as http2 from "node:http2"
import type { AddressInfo } from "node:net"
import { assert, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Ssl from "effect-http-session/Ssl"
import { standard } from "../../support/certificates.js"
import { sessionOn } from "../../support/session.js"

it.scopedLive("speaks HTTP/2", () =>
  Effect.gen(function* () {
    const set = yield* standard()
    let sessions = 0
    const server = http2.createSecureServer({ key: set.good.key, cert: set.good.cert, allowHTTP1: true, settings: { maxConcurrentStreams: 20 } }, (request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (c: Buffer) => chunks.push(c))
      request.on("end", () => { response.setHeader("x-version", request.httpVersion); response.end(`${request.method} ${request.url} ${Buffer.concat(chunks)}`) })
    })
    server.on("session", () => sessions++)
    yield* Effect.async<void>((resume) => { server.listen(0, "127.0.0.1", () => resume(Effect.void)) })
    yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
    const url = `https://localhost:${(server.address() as AddressInfo).port}`
    const { connector, session } = yield* sessionOn({ http2: true, ssl: yield* Ssl.context({ ca: set.ca }) })
    const one = yield* session.post(`${url}/a`, { text: "hello" }).pipe(ClientResponse.use((r) => Effect.map(r.text, (t) => [r.version, t, r.connection.protocol])))
    assert.deepStrictEqual(one, ["2", "POST /a hello", "h2"])
    const all = yield* Effect.forEach(Array.from({ length: 100 }, (_, i) => i), (i) => ClientResponse.text(session.get(`${url}/${i}`)), { concurrency: "unbounded" })
    assert.strictEqual(all[42], "GET /42 ")
    console.log(sessions, yield* connector.stats)
    const { connector: c2, session: s2 } = yield* sessionOn({ http2: true, ssl: yield* Ssl.context({ ca: set.ca }) })
    sessions = 0
    yield* Effect.forEach(Array.from({ length: 100 }, (_, i) => i), (i) => ClientResponse.text(s2.get(`${url}/${i}`)), { concurrency: "unbounded" })
    console.log(sessions, yield* c2.stats)
    sessions = 0
    yield* Effect.forEach(Array.from({ length: 100 }, (_, i) => i), (i) => ClientResponse.text(s2.get(`${url}/${i}`)), { concurrency: "unbounded" })
    console.log(sessions, yield* c2.stats)
  }), 20000)
