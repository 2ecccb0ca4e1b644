/** Tests of the public modules and of faults that another runtime cannot pass. */

export interface Skip {
  /** The full name of a test, where "*" stands for any text; or the path of a file. */
  readonly test: string
  readonly on: ReadonlyArray<"bun" | "deno">
  readonly reason: string
}

const undici = "tests undici, which Bun replaces by a module without its Agent"
const formParser = "the runtime's own form parser does not decode %22 in names"
const dnsCodes = "the runtime's node:dns reports ENOTFOUND for other failures"
const ciphers = "the runtime ignores these cipher lists, so the option is refused with SslContextError"
const otherCodes = "the system's code is another or is missing; the error's tag is the same"
const zlib =
  "the runtime's zlib does not deliver what it has of an incomplete body, so the body fails with ClientPayloadError"
const open = "does not end within the time of the test; not examined yet"
const silent = "the server of the test, whose queue of connections is full, is on the same runtime, which accepts more"
const early =
  "the runtime reads a socket after the write of the same moment: bytes that the server sends within that moment count as the answer"

export const skips: ReadonlyArray<Skip> = [
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
    test: "nameservers follows a CNAME, whose time to live counts",
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
  { test: "a TLS peer that sends too much *", on: ["deno"], reason: otherCodes },
  { test: "a coded body without its trailer or final block *", on: ["deno"], reason: zlib },
  {
    test: "connecting to several addresses waits only the delay for a silent IPv6 address, and closes it",
    on: ["bun"],
    reason: silent
  },
  {
    test: "an upgraded connection ends its side when the session closes, and is cut where the peer does not finish",
    on: ["bun"],
    reason: "a cut connection ends without an error for its reader"
  },
  {
    test: "sharing a TLS connection does not share a TLS session either, and a pin resumes none, *",
    on: ["deno"],
    reason: "no TLS session is ever resumed"
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
  { test: "a reply to CONNECT is never a response: 200 *: ClientConnectorSSLError", on: ["bun"], reason: open },
  { test: "a TLS connection that ends by * without close_notify gives *", on: ["bun"], reason: open },
  {
    test: "a TLS peer that sends too much ends the request with a typed error if it requests another handshake",
    on: ["bun"],
    reason: "the outcome differs from Node's; not examined yet"
  },
  {
    test: "a certificate or protocol that the client refuses causes a typed error if protocols, ciphers and versions have nothing in common",
    on: ["bun"],
    reason: "the server of the test needs a cipher that BoringSSL does not have"
  }
]
