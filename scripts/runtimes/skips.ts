/** The tests that fail on another runtime than Node, with reasons. */

export interface Skip {
  /** The full name of a test, in which "*" stands for any text, or the path of a file. */
  readonly test: string
  readonly on: ReadonlyArray<"bun" | "deno">
  readonly reason: string
}

const undici = "tests undici, which Bun replaces by a module without its Agent"
const formParser = "the runtime's own form parser does not decode %22 in names"
const dnsCodes = "the runtime's node:dns reports ENOTFOUND for other failures"
const ciphers = "the runtime ignores these cipher lists, so the option is refused with SslContextError"
const otherCodes = "the system's code is another or is missing; the error's tag is the same"
const largeMessages =
  "rustls reports ERR_SSL_WRONG_VERSION_NUMBER for a message that is too large; the error's tag is the same"
const zlib =
  "the runtime's zlib does not deliver what it has of an incomplete body, so the body fails with ClientPayloadError"
const below =
  "the server of the test, which is on the same runtime, cannot end the TCP connection below TLS; scripts/tlsErrors.ts runs the same with a server on Node"
const askAgain =
  "the server of the test, which is on the same runtime, cannot renegotiate; scripts/tlsErrors.ts runs the same with a server on Node"
const resumes = "no TLS session is ever resumed"
const renegotiates = "allowRenegotiation is refused with SslContextError"
const keyLog = "onKeyLog is never called"
const pfx = "the runtime cannot read such a file; it is refused with SslContextError"
const silent = "the server of the test, whose queue of connections is full, is on the same runtime, which accepts more"
const early =
  "the runtime reads a socket after the write of the same moment: bytes that the server sends within that moment count as the answer"

const http2Server = "the server of the test is the runtime's own node:http2 module, "

export const skips: ReadonlyArray<Skip> = [
  {
    test: "HTTP_1_1_REQUIRED *",
    on: ["bun"],
    reason: `${http2Server}which sends DATA instead of RST_STREAM`
  },
  {
    test: "50 requests at once to a server that is not known share one connection if it speaks HTTP/2",
    on: ["deno"],
    reason: `${http2Server}which aborts the process when the connection ends`
  },
  {
    test: "a server that changes its protocol is understood, in both directions",
    on: ["deno"],
    reason: `${http2Server}which selects the protocol once for all connections`
  },
  {
    test: "TLS over HTTP/2 offers what the context has: *",
    on: ["deno"],
    reason: `${http2Server}which selects the protocol once for all connections`
  },
  {
    test: "TLS over HTTP/2 does not offer h2 of *",
    on: ["deno"],
    reason: `${http2Server}which selects the protocol once for all connections`
  },
  {
    test: "a WebSocket opens * HTTP/2*, with http2 *",
    on: ["deno"],
    reason: `${http2Server}which selects the protocol once for all connections`
  },
  {
    test: "an upgrade to another protocol has a connection of HTTP/1.1 for itself, *",
    on: ["deno"],
    reason: `${http2Server}which selects the protocol once for all connections`
  },
  {
    test: "a proxy that speaks HTTP/2 is offered HTTP/1.1 only, and the origin behind it HTTP/2",
    on: ["bun", "deno"],
    reason: "the proxy of the test is a server of the runtime, which does not call ALPNCallback for each connection"
  },
  {
    test: "a program over HTTP/2 gets what it gets over HTTP/1.1 for trailers",
    on: ["bun"],
    reason: `${http2Server}which sends no trailers over HTTP/1.1`
  },
  { test: "a connection over TLS that ends in the middle of a body by RST *", on: ["deno"], reason: below },
  {
    test: "the protocol is refused over a weak cipher suite before a request is written",
    on: ["deno"],
    reason: `${http2Server}which ignores its list of cipher suites`
  },
  { test: "*(undici)", on: ["bun"], reason: undici },
  {
    test: "every error * has a message of one sentence that names its subject",
    on: ["bun"],
    reason: 'the first line of `stack` begins with "Error" instead of the tag'
  },
  {
    test: "data of a request, a response or a jar is a record of headers that holds nothing but headers",
    on: ["bun"],
    reason: "a Response of text has no Content-Type, which the mock of the test expects"
  },
  {
    test: "make makes bodies that Node's own parser reads, whatever they hold",
    on: ["bun", "deno"],
    reason: formParser
  },
  { test: "a web form is sent as browsers send it", on: ["bun", "deno"], reason: formParser },
  { test: "nameservers maps * to E*", on: ["bun", "deno"], reason: dnsCodes },
  { test: "nameservers reports the more specific of two failures", on: ["bun", "deno"], reason: dnsCodes },
  {
    test: "nameservers follows a CNAME, and applies its time to live if it is shorter",
    on: ["deno"],
    reason: "the runtime's node:dns returns the TTL of the address only"
  },
  {
    test: "nameservers asks the next server if the first is silent",
    on: ["deno"],
    reason: "the runtime's node:dns asks the first server only; the request fails with ClientConnectorDNSError"
  },
  {
    test: "toFile into a FIFO, a device, a socket or a folder *",
    on: ["deno"],
    reason: "opening a FIFO blocks the process until another process opens it too"
  },
  {
    test: "credentials by Digest with -sess continue to count for requests that got the same nonce",
    on: ["deno"],
    reason: "the server of the test requires that concurrent requests arrive in the order of their sending"
  },
  { test: "Ssl.context accepts text, bytes, DER and redacted values", on: ["bun", "deno"], reason: ciphers },
  {
    test: "Ssl.context explains the fault of an encrypted key",
    on: ["deno"],
    reason: "the runtime's error does not tell a wrong passphrase; the error is SslContextError"
  },
  {
    test: "a response that arrives before its request was written answers no request",
    on: ["bun", "deno"],
    reason: early
  },
  {
    test: "connecting to several addresses fails with a typed error if localAddress is not an address of the machine",
    on: ["deno"],
    reason: otherCodes
  },
  {
    test: "connecting to several addresses skips and names an address that refuses and one that cannot be reached",
    on: ["bun"],
    reason: otherCodes
  },
  { test: "a Unix path that cannot be connected to fails with *", on: ["bun"], reason: otherCodes },
  {
    test: "a certificate or protocol that the client refuses causes a typed error if protocols, ciphers and versions have nothing in common",
    on: ["deno"],
    reason: otherCodes
  },
  {
    test: "a TLS peer that sends too much causes a typed error for a certificate of 10 000 names, and none for 3000",
    on: ["deno"],
    reason: largeMessages
  },
  {
    test: "a TLS peer that sends too much is refused before a chain of a megabyte is stored",
    on: ["deno"],
    reason: largeMessages
  },
  { test: "a coded body without its trailer or final block *", on: ["deno"], reason: zlib },
  {
    test: "connecting to several addresses waits only the delay for a silent IPv6 address, and closes it",
    on: ["bun"],
    reason: silent
  },
  {
    test: "an upgraded connection ends its side when the session closes, and is closed if the peer does not finish",
    on: ["bun"],
    reason: "a cut connection ends without an error for its reader"
  },
  {
    test: "sharing a TLS connection does not share a TLS session either, and a pin resumes none, *",
    on: ["deno"],
    reason: resumes
  },
  {
    test: "a server that does not read gets the time that it needs if it reads slowly",
    on: ["deno"],
    reason: "a socket with unsent bytes closes later than the test waits"
  },
  { test: "each limit, * in phase connect*", on: ["bun"], reason: silent },
  { test: "each phase without limits of its own ends * in connect *", on: ["bun"], reason: silent },
  { test: "a request in an uninterruptible region, held by a connect *", on: ["bun"], reason: silent },
  {
    test: "a request that is interrupted in each phase leaves nothing open in connect, and the session continues",
    on: ["bun"],
    reason: silent
  },
  { test: "test/faults/uploads.test.ts", on: ["bun"], reason: "needs the gc function of V8" },
  { test: "a TLS connection that ends by * without close_notify gives *", on: ["bun"], reason: below },
  {
    test: "a TLS peer that sends too much ends the request with a typed error if it requests another handshake",
    on: ["bun", "deno"],
    reason: askAgain
  },
  {
    test: "a certificate or protocol that the client refuses causes a typed error if protocols, ciphers and versions have nothing in common",
    on: ["bun"],
    reason: "the server of the test needs a cipher that BoringSSL does not have"
  },
  // test/internal/network/tls
  {
    test: "a server that asks for a certificate in mid-connection receives it if that is allowed, and then answers the request",
    on: ["bun", "deno"],
    reason: renegotiates
  },
  {
    test: "a server that asks for a certificate in mid-connection is asked no more than three times on a connection",
    on: ["bun", "deno"],
    reason: renegotiates
  },
  {
    test: "a server that asks for a certificate in mid-connection is verified again: *",
    on: ["bun", "deno"],
    reason: renegotiates
  },
  {
    test: "a server without secure renegotiation is accepted only if that is allowed",
    on: ["bun", "deno"],
    reason: "legacyServerConnect has no effect, as the table above says"
  },
  {
    test: "TLS resumption falls back to a full handshake if the server does not know the session",
    on: ["bun"],
    reason: "the server of the test, which is on the same runtime, cannot change its ticket keys"
  },
  {
    test: "client certificates that are missing cause a typed alert after the handshake of TLS 1.3",
    on: ["bun"],
    reason: otherCodes
  },
  {
    test: "a completed handshake leaves no more listeners than its socket needs",
    on: ["bun"],
    reason: "the runtime adds a listener of its own to a TLS socket over another socket"
  },
  {
    test: "a handshake with nothing in common fails for TLS 1.0 and 1.1 only",
    on: ["deno"],
    reason: "rustls has no such version, so minVersion below TLS 1.2 does not help"
  },
  { test: "a handshake with nothing in common fails for other ciphers", on: ["deno"], reason: ciphers },
  {
    test: "ALPN accepts HTTP/2 over TLS 1.2 only with ephemeral keys and authenticated encryption",
    on: ["bun", "deno"],
    reason: ciphers
  },
  {
    test: "ALPN names the code if the protocol is missing, unoffered or inadequate",
    on: ["deno"],
    reason: "the server of the test, which is on the same runtime, ignores its cipher list"
  },
  { test: "ALPN does not resume a session of another offer", on: ["deno"], reason: resumes },
  {
    test: "HTTP/2 that a server selects although it was not offered by *",
    on: ["deno"],
    reason: "the runtime reports such a server with another code, so the reason is Handshake"
  },
  {
    test: "a file with a stream of its own is sent from its stream, also if it is small",
    on: ["bun"],
    reason: "the runtime's FormData keeps the bytes of a file and not its own stream"
  },
  { test: "the key log *", on: ["deno"], reason: keyLog },
  { test: "a PKCS #12 file *des, passphrase *", on: ["deno"], reason: pfx },
  { test: "a PKCS #12 file plain, passphrase *", on: ["deno"], reason: pfx },
  { test: "a PKCS #12 file shows its certificate and chain to a server that asks", on: ["deno"], reason: pfx },
  { test: "TLS resumption is enabled, and reports the certificate, *", on: ["deno"], reason: resumes },
  { test: "TLS resumption never crosses settings, names, peers or routes, *", on: ["deno"], reason: resumes },
  {
    test: "verification of an RSA key of 1024 bits gives UntrustedIssuer",
    on: ["deno"],
    reason:
      "the server of the test, which is on the same runtime, refuses the key; scripts/tlsErrors.ts runs the same with a server on Node"
  },
  { test: "verification reports the certificate that it refuses", on: ["deno"], reason: otherCodes },
  {
    test: "verification refuses a revoked certificate and accepts another",
    on: ["deno"],
    reason: "crl is refused with SslContextError"
  }
]
