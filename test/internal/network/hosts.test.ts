/**
 * The forms in which the host of a URL is sent: the Host header, SNI, and the name or address for a proxy.
 */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { networkInterfaces } from "node:os"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Proxy from "effect-http-session/Proxy"
import * as Resolver from "effect-http-session/Resolver"
import * as Ssl from "effect-http-session/Ssl"
import { standard } from "../../support/certificates.js"
import { text, trusting, valueOf, withSession } from "../../support/proxied.js"
import { proxyServer } from "../../support/proxyServer.js"
import { secureSite } from "../../support/secureSite.js"
import { response } from "../../support/server.js"
import { everyTest, redirect, sessionWith, site, values } from "../../support/sites.js"

/** A resolver of names with and without a final dot. */
const dotted: Resolver.ResolverService = Resolver.overrides({
  "a.test": "127.0.0.1",
  "bücher.test": "127.0.0.1"
})

describe("a final dot of a name", () => {
  it.scopedLive("is in the Host header of http, which has the authority of its URL (RFC 9112, section 3.2)", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200, "ok"))
      const { session } = yield* sessionWith({}, { connector: { resolver: dotted } })
      yield* session.get(at.to("A.test.")).pipe(ClientResponse.text)
      assert.deepStrictEqual(values(at, "host"), [[`a.test.:${at.port}`]])
    })
  )

  it.scopedLive("is in neither SNI nor the Host header of https, so that they agree", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const hosts: Array<string | undefined> = []
      const at = yield* secureSite({ ...set.good }, (socket) => socket.write(response(200, "ok")))
      at.server.prependListener("secureConnection", (socket: NodeJS.EventEmitter) => {
        socket.on("data", (chunk: Buffer) => hosts.push(/^Host: (.*)$/m.exec(chunk.toString("latin1"))?.[1]?.trim()))
      })
      const ssl = yield* trusting
      const { session } = yield* sessionWith({}, { connector: { ssl } })
      for (const host of ["localhost", "localhost.", "LOCALHOST."]) {
        const url = `https://${host}:${at.port}/`
        const answer = yield* session.post(url, { json: {} }).pipe(ClientResponse.use((got) => Effect.succeed(got.url)))
        assert.strictEqual(answer, url.toLowerCase())
      }
      assert.deepStrictEqual(
        at.asked.map(({ servername }) => servername),
        ["localhost", "localhost", "localhost"]
      )
      const sent = `localhost:${at.port}`
      assert.deepStrictEqual(hosts, [sent, sent, sent])
    })
  )

  it.scopedLive("stays in a Host header of the caller", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200, "ok"))
      const { session } = yield* sessionWith()
      yield* session.get(at.to("a.test"), { headers: { host: "b.test." } }).pipe(ClientResponse.text)
      assert.deepStrictEqual(values(at, "host"), [["b.test."]])
    })
  )

  it.scopedLive("makes another origin, which connections and relative redirects keep", () =>
    Effect.gen(function* () {
      const at = yield* site(({ target }) => (target === "/" ? redirect(302, "/next") : response(200, "ok")))
      const { session } = yield* sessionWith({}, { connector: { resolver: dotted } })
      const url = yield* session.get(at.to("a.test.")).pipe(ClientResponse.use((found) => Effect.succeed(found.url)))
      assert.strictEqual(url, at.to("a.test.", "/next"))
      yield* session.get(at.to("a.test", "/next")).pipe(ClientResponse.text)
      assert.strictEqual(yield* at.accepted, 2)
    })
  )

  it.scopedLive("is in the absolute form and the Host header to a proxy, which compares them", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200, "ok"))
      const proxy = yield* proxyServer()
      yield* withSession(text(at.to("a.test.", "/x")), { proxy: proxy.url })
      assert.strictEqual(proxy.seen[0]?.target, at.to("a.test.", "/x"))
      assert.deepStrictEqual(valueOf(proxy, "host"), [`a.test.:${at.port}`])
    })
  )
})

/** An interface that has ::1. By RFC 6874 a zone is valid only on this machine. */
const loopbackInterface = Object.entries(networkInterfaces()).find(([, addresses]) =>
  addresses?.some(({ address }) => address === "::1")
)?.[0]

const served = (answer: Http.RequestListener) =>
  Effect.acquireRelease(
    Effect.async<Http.Server>((resume) => {
      const server = Http.createServer(answer)
      server.listen(0, "::1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => (server.address() as AddressInfo).port))

describe.skipIf(loopbackInterface === undefined)("a zone of an IPv6 address", () => {
  const zone = loopbackInterface ?? ""

  it.scopedLive("selects the interface, and is not in the Host header", () =>
    Effect.gen(function* () {
      const hosts: Array<string | undefined> = []
      const port = yield* served((request, reply) => {
        hosts.push(request.headers.host)
        reply.end("ok")
      })
      const { session } = yield* sessionWith()
      const url = `http://[::1%25${zone}]:${port}/`
      const found = yield* session
        .get(url)
        .pipe(
          ClientResponse.use((got) => Effect.map(got.text, (body) => [body, got.url, got.connection.remoteAddress]))
        )
      assert.deepStrictEqual(found, ["ok", url, `::1%${zone}`])
      yield* session.post(url, { text: "x" }).pipe(ClientResponse.text)
      assert.deepStrictEqual(hosts, [`[::1]:${port}`, `[::1]:${port}`])
    })
  )

  it.scopedLive("that this machine does not have fails the request before anything is sent", () =>
    Effect.gen(function* () {
      let asked = 0
      const port = yield* served((_, reply) => {
        asked++
        reply.end("ok")
      })
      const { session } = yield* sessionWith()
      const error = yield* Effect.flip(
        session
          .get(`http://[fe80::1%25nosuch0]:${port}/`, { timeout: { socketConnect: "1 second" } })
          .pipe(ClientResponse.text)
      )
      // Node 20 rejects such a zone, and Node 24 waits for the address.
      assert.include(["ClientConnectorError", "ConnectionTimeoutError"], error._tag)
      assert.include(error.message, "fe80::1")
      assert.strictEqual(asked, 0)
    })
  )

  it.scopedLive("is kept by redirects to the same address in any form, and by no others", () =>
    Effect.gen(function* () {
      const port = yield* served((request, reply) => {
        const to = {
          "/": "/relative",
          "/relative": "?query",
          "/relative?query": `//[::1]:${0}`,
          "/absolute": `http://[0:0::1]:${request.socket.localPort}/end`
        }[request.url ?? ""]
        if (to === undefined) reply.end("ok")
        else
          reply
            .writeHead(302, { location: to.endsWith(":0") ? `//[::1]:${request.socket.localPort}/absolute` : to })
            .end()
      })
      const { session } = yield* sessionWith()
      const url = yield* session
        .get(`http://[::1%25${zone}]:${port}/`)
        .pipe(ClientResponse.use((got) => Effect.succeed(got.url)))
      assert.strictEqual(url, `http://[::1%25${zone}]:${port}/end`)
    })
  )

  it.scopedLive("in a Location is refused, because a server does not know the interfaces of this machine", () =>
    Effect.gen(function* () {
      const port = yield* served((_, reply) => {
        reply.writeHead(302, { location: `http://[::1%25${zone}]/` }).end()
      })
      const { session } = yield* sessionWith()
      const error = yield* Effect.flip(session.get(`http://[::1]:${port}/`).pipe(ClientResponse.text))
      assert.strictEqual(error._tag, "InvalidURL")
    })
  )

  it.scopedLive("separates connections and cookies, because the address may be another host on another interface", () =>
    Effect.gen(function* () {
      const cookies: Array<string | undefined> = []
      const peers = new Set<number | undefined>()
      const port = yield* served((request, reply) => {
        cookies.push(request.headers.cookie)
        peers.add(request.socket.remotePort)
        reply.writeHead(200, { "set-cookie": "id=1" }).end("ok")
      })
      const { session } = yield* sessionWith({}, { jar: yield* CookieJar.make({ unsafe: true }) })
      for (const host of [`[::1%25${zone}]`, "[::1]", `[::1%25${zone}]`]) {
        yield* session.get(`http://${host}:${port}/`).pipe(ClientResponse.text)
      }
      assert.deepStrictEqual(cookies, [undefined, undefined, "id=1"])
      assert.strictEqual(peers.size, 2)
    })
  )

  it.scopedLive("is not sent to a proxy", () =>
    Effect.gen(function* () {
      const port = yield* served((_, reply) => void reply.end("ok"))
      const url = `http://[::1%25${zone}]:${port}/x`
      const there = { resolve: () => ({ host: "::1", port }) }
      const http = yield* proxyServer(there)
      assert.strictEqual(yield* withSession(text(url), { proxy: http.url }), "ok")
      assert.strictEqual(http.seen[0]?.target, `http://[::1]:${port}/x`)
      assert.deepStrictEqual(valueOf(http, "host"), [`[::1]:${port}`])
      const chosen: Array<string> = []
      const choose = Proxy.route((target) => {
        chosen.push(target.hostname)
        return http.url
      })
      assert.strictEqual(yield* withSession(text(url), { proxy: choose }), "ok")
      assert.deepStrictEqual(chosen, ["[::1]"])
      const socks = yield* proxyServer({ kind: "socks", ...there })
      for (const scheme of ["socks5", "socks5h"]) {
        assert.strictEqual(yield* withSession(text(url), { proxy: socks.url.replace(/^\w+/, scheme) }), "ok")
      }
      for (const seen of socks.seen) assert.notInclude(seen.target, zone)
    })
  )

  it.scopedLive("is not in SNI and is not compared with the certificate", () =>
    Effect.gen(function* () {
      const set = yield* standard()
      const at = yield* secureSite({ ...set.good })
      const ssl = yield* Ssl.context({ ca: set.ca })
      const proxy = yield* proxyServer()
      const { session } = yield* sessionWith({ proxy: proxy.url }, { connector: { ssl, resolver: everyTest } })
      const url = `https://[::1%25${zone}]:${at.port}/`
      assert.strictEqual(yield* session.get(url).pipe(ClientResponse.text), "ok")
      assert.deepStrictEqual([proxy.seen[0]?.target, at.asked[0]?.servername], [`[::1]:${at.port}`, false])
    })
  )

  it.scopedLive("is passed to an address policy beside the address", () =>
    Effect.gen(function* () {
      const port = yield* served((_, reply) => void reply.end("ok"))
      const asked: Array<readonly [address: string, zone: string | undefined]> = []
      const { session } = yield* sessionWith(
        {},
        {
          connector: {
            addressPolicy: ({ address, zone: given }) => {
              asked.push([address, given])
              return false
            }
          }
        }
      )
      const error = yield* Effect.option(
        Effect.flip(session.get(`http://[::1%25${zone}]:${port}/`).pipe(ClientResponse.text))
      )
      assert.strictEqual(Option.getOrUndefined(error)?._tag, "ClientConnectorError")
      assert.deepStrictEqual(asked, [["::1", zone]])
    })
  )
})

describe("Content-Length of a request without a body (RFC 9110, section 8.6)", () => {
  const rows: ReadonlyArray<readonly [method: string, length: ReadonlyArray<string>]> = [
    ["GET", []],
    ["HEAD", []],
    ["OPTIONS", []],
    ["DELETE", []],
    ["TRACE", []],
    ["PROPFIND", []],
    ["QUERY", []],
    ["POST", ["0"]],
    ["PUT", ["0"]],
    ["PATCH", ["0"]]
  ]
  it.scopedLive.each(rows)("of %s is %j", ([method, length]) =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWith()
      yield* session.request(method, at.to("a.test")).pipe(ClientResponse.text)
      yield* session.request(method, at.to("a.test"), { headers: { "x-own": "1" } }).pipe(ClientResponse.text)
      assert.deepStrictEqual(values(at, "content-length"), [length, length])
      assert.deepStrictEqual(values(at, "transfer-encoding"), [[], []])
    })
  )

  it.scopedLive("is that of the body of DELETE, even of an empty one", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWith()
      for (const body of ["", "abc"]) {
        yield* session.delete(at.to("a.test"), { text: body }).pipe(ClientResponse.text)
      }
      assert.deepStrictEqual(values(at, "content-length"), [["0"], ["3"]])
    })
  )
})
