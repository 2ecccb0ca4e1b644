/** Certificates, pins and settings of TLS over HTTP/2, and the offers to proxies. */
import { TLSSocket } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Connector from "effect-http-session/Connector"
import * as Proxy from "effect-http-session/Proxy"
import * as Ssl from "effect-http-session/Ssl"
import { standard } from "../../support/certificates.js"
import { type EitherOptions, eitherSite } from "../../support/eitherSite.js"
import { proxyServer } from "../../support/proxyServer.js"
import { sessionOn } from "../../support/session.js"

/** Answers with the version and the subject of the client's certificate. */
const subject: EitherOptions["answer"] = (request, response) => {
  request.resume()
  const socket = request.httpVersionMajor === 1 ? request.socket : request.stream.session?.socket
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  request.on("end", () => response.end(`${request.httpVersion} ${certificate?.subject ?? "nobody"}`))
}

const made = (options: Partial<EitherOptions> = {}, connector: Connector.TcpOptions = {}) =>
  Effect.gen(function* () {
    const set = yield* standard()
    const site = yield* eitherSite({ ...set.good, selects: ([best]) => best, ...options })
    const { session } = yield* sessionOn({ http2: true, ...connector })
    const get = (ssl: Ssl.Ssl) => session.get(site.url, { ssl, timeout: "15 seconds" }).pipe(ClientResponse.text)
    return { get, session, set, site }
  })

describe("TLS over HTTP/2", () => {
  it.scopedLive("shows the client certificate of each request to the server", () =>
    Effect.gen(function* () {
      const { ca, client } = yield* standard()
      const { get, set } = yield* made({ answer: subject, tls: { ca, requestCert: true, rejectUnauthorized: false } })
      const without = yield* Ssl.context({ ca: set.ca })
      const device = yield* Ssl.context({ ca: set.ca, cert: client.cert, key: client.key })
      const texts = yield* Effect.all([get(without), get(device), get(without), get(device)], {
        concurrency: "unbounded"
      })
      const [nobody, somebody] = texts
      assert.strictEqual(nobody, "2.0 nobody")
      assert.match(somebody, /^2\.0 CN=/)
      assert.deepStrictEqual(texts, [nobody, somebody, nobody, somebody])
    })
  )

  it.scopedLive("refuses a certificate that does not match the pin before a request is written", () =>
    Effect.gen(function* () {
      const { get, set, site } = yield* made()
      assert.strictEqual(yield* get(Ssl.fingerprint(set.good.sha256)), "2.0 /")
      const error = yield* Effect.flip(get(Ssl.fingerprint(set.client.sha256)))
      assert.strictEqual(error._tag, "FingerprintMismatch")
      assert.deepStrictEqual(site.asked, ["2.0 /"])
    })
  )

  it.scopedLive("refuses a certificate of an unknown authority before a request is written", () =>
    Effect.gen(function* () {
      const { session, site } = yield* made()
      const error = yield* Effect.flip(session.get(site.url, { timeout: "15 seconds" }).pipe(ClientResponse.text))
      assert.deepInclude(error, { _tag: "ClientConnectorSSLError", reason: "UntrustedIssuer" })
      assert.deepStrictEqual(site.asked, [])
    })
  )

  for (const [alpn, spoken, offered] of [
    [["http/1.1"], "1.1 /", ["http/1.1"]],
    [["h2"], "2.0 /", ["h2"]],
    [["http/1.1", "h2"], "1.1 /", ["http/1.1,h2"]],
    [[], "1.1 /", []]
  ] as const) {
    it.scopedLive(`offers what the context has: ${JSON.stringify(alpn)}`, () =>
      Effect.gen(function* () {
        const { get, set, site } = yield* made()
        assert.strictEqual(yield* get(yield* Ssl.context({ ca: set.ca, alpn })), spoken)
        assert.deepStrictEqual(site.offered, offered)
      })
    )
  }

  for (const [alpn, offered] of [
    [["h2", "http/1.1"], ["http/1.1"]],
    [["h2"], []]
  ] as const) {
    it.scopedLive(`does not offer h2 of ${JSON.stringify(alpn)} if the connector does not speak it`, () =>
      Effect.gen(function* () {
        const { get, set, site } = yield* made({}, { http2: false })
        assert.strictEqual(yield* get(yield* Ssl.context({ ca: set.ca, alpn })), "1.1 /")
        assert.deepStrictEqual(site.offered, offered)
      })
    )
  }
})

describe("a proxy that speaks HTTP/2", () => {
  it.scopedLive("is offered HTTP/1.1 only, and the origin behind it HTTP/2", () =>
    Effect.gen(function* () {
      const { session, set, site } = yield* made()
      const offers: Array<string> = []
      const proxy = yield* proxyServer({
        kind: "https",
        tls: {
          ...set.good,
          ALPNCallback: ({ protocols }) => {
            offers.push(protocols.join())
            return protocols[0]
          }
        }
      })
      const ssl = yield* Ssl.context({ ca: set.ca })
      const text = session
        .get(site.url, { ssl, proxy: Proxy.make(proxy.url, { ssl }), timeout: "15 seconds" })
        .pipe(ClientResponse.text)
      assert.strictEqual(yield* text, "2.0 /")
      assert.deepStrictEqual(offers, ["http/1.1"])
      assert.deepStrictEqual(site.offered, ["h2,http/1.1"])
    })
  )
})
