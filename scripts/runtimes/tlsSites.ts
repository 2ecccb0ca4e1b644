/**
 * TLS servers on the loopback, each with one fault. They run on Node, so that only the runtime of the client differs.
 */
import * as net from "node:net"
import * as tls from "node:tls"
import { Effect, type Scope } from "effect"
import { type Issued, makeAuthority, standard } from "../../test/support/certificates.js"

/** A row of the table: a server, and the options of its client. */
export interface Site {
  readonly name: string
  readonly port: number
  readonly crl?: boolean
}

export interface Sites {
  readonly ca: string
  readonly crl: string
  readonly sites: ReadonlyArray<Site>
}

const listen = (server: net.Server): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => Effect.sync(() => server.close())
  )

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

const secure = (options: tls.TlsOptions): tls.Server =>
  tls
    .createServer({ ALPNProtocols: ["http/1.1"], ciphers: "DEFAULT@SECLEVEL=0", ...options }, (socket) => {
      socket.on("error", () => {}).on("data", () => socket.write(answer))
    })
    .on("tlsClientError", () => {})

const plain = (onSocket: (socket: net.Socket) => void): net.Server =>
  net.createServer((socket) => {
    socket.on("error", () => {})
    onSocket(socket)
  })

/** Sends a part of a response and ends the connection below TLS, without close_notify. */
const cutting = (certificate: Issued, part: string): tls.Server =>
  tls.createServer({ cert: certificate.cert, key: certificate.key }, (socket) => {
    const below: unknown = Reflect.get(socket, "_parent")
    socket
      .on("error", () => {})
      .once("data", () => socket.write(part, () => below instanceof net.Socket && below.end()))
  })

/** Starts a renegotiation, and answers after it. */
const renegotiating = (certificate: Issued): tls.Server =>
  tls.createServer({ cert: certificate.cert, key: certificate.key, maxVersion: "TLSv1.2" }, (socket) => {
    socket.on("error", () => {})
    socket.renegotiate({ requestCert: false, rejectUnauthorized: false }, (error) => {
      if (error === null) socket.write(answer)
      else socket.destroy()
    })
  })

const longNames = (count: number): ReadonlyArray<string> => [
  ...Array.from({ length: count }, (_, index) => `host-${index}.${"x".repeat(40)}.example`),
  "localhost"
]

const withoutIntermediate = ({ cert, key }: Issued) => ({ cert: cert.slice(0, cert.indexOf("-----BEGIN", 10)), key })

const makeServers = Effect.gen(function* () {
  const set = yield* standard()
  const { authority, ca } = set
  const intermediate = yield* authority.intermediate()
  const constrained = yield* authority.intermediate({ permitted: ["example.com"] })
  const unrelated = yield* makeAuthority("Another Authority")
  const revoked = yield* authority.issue()
  const large = yield* authority.issue({ names: longNames(800) })
  const own = ({ cert, key }: Issued) => ({ cert, key })
  const asking = { ...own(set.good), ca, requestCert: true, rejectUnauthorized: true }
  const servers: ReadonlyArray<readonly [name: string, server: net.Server]> = [
    ["a good certificate", secure(own(set.good))],
    ["expired", secure(own(set.expired))],
    ["not yet valid", secure(own(set.notYetValid))],
    ["self-signed", secure(own(set.selfSigned))],
    ["unknown issuer", secure(own(yield* unrelated.issue()))],
    ["no intermediate certificate", secure(withoutIntermediate(yield* intermediate.issue()))],
    ["an issuer for other names", secure(own(yield* constrained.issue()))],
    ["for clients only", secure(own(yield* authority.issue({ client: true })))],
    ["revoked (`crl`)", secure(own(revoked))],
    ["RSA key of 1024 bits", secure(own(yield* authority.issue({ rsa: 1024 })))],
    ["SHA-1 signature", secure(own(yield* authority.issue({ hash: "SHA-1" })))],
    ["wrong host", secure(own(set.wrongHost))],
    ["host in the CN only", secure(own(set.cnOnly))],
    ["no common TLS version", secure({ ...own(set.good), minVersion: "TLSv1", maxVersion: "TLSv1.1" })],
    ["no common protocol (ALPN)", secure({ ...own(set.good), ALPNProtocols: ["x"] })],
    ["no client certificate, TLS 1.2", secure({ ...asking, maxVersion: "TLSv1.2" })],
    ["no client certificate, TLS 1.3", secure({ ...asking, minVersion: "TLSv1.3" })],
    ["not TLS", plain((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))],
    ["a connection that ends", plain((socket) => socket.on("data", () => socket.end()))],
    ["another handshake, TLS 1.2", renegotiating(set.good)],
    ["a certificate of 10 000 names", secure(own(yield* authority.issue({ names: longNames(10_000) })))],
    ["a chain of a megabyte", secure({ ...own(set.good), cert: set.good.cert + large.cert.repeat(20) })],
    ["no close_notify, body too short", cutting(set.good, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok")],
    [
      "no close_notify, no last chunk",
      cutting(set.good, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    ],
    ["no close_notify, no length", cutting(set.good, "HTTP/1.1 200 OK\r\n\r\nok")],
    ["no close_notify, complete body", cutting(set.good, answer)]
  ]
  return { servers, ca, crl: yield* authority.crl([revoked]) }
})

export const tlsSites: Effect.Effect<Sites, never, Scope.Scope> = Effect.gen(function* () {
  const { ca, crl, servers } = yield* makeServers
  const sites = yield* Effect.forEach(servers, ([name, server]) =>
    Effect.map(listen(server), (port): Site => ({ name, port, crl: name.includes("crl") }))
  )
  return { ca, crl, sites }
})
