/**
 * Text from peers and users is read in a time that grows in proportion to its length. Each function gets texts that
 * repeat one piece thousands of times: for a careless expression or loop some of them take the square of their length.
 */
import type { X509Certificate } from "node:crypto"
import { beforeAll, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { ClientResponse, ResponseHead } from "../../src/ClientResponse.js"
import { SslContextError } from "../../src/Errors.js"
import { defaultSettings, Jar } from "../../src/internal/cookies/jar.js"
import { parse as parseNetscape } from "../../src/internal/cookies/netscape.js"
import { parseSetCookie } from "../../src/internal/cookies/parse.js"
import { fromLines } from "../../src/internal/cookies/responseCookies.js"
import { fromUrl } from "../../src/internal/cookies/target.js"
import { faultOf } from "../../src/internal/errors/jsonText.js"
import { contentRangeOf, validatorOf } from "../../src/internal/http/byteRange.js"
import { parse as parseCodings } from "../../src/internal/http/contentCoding.js"
import { parse as parseDisposition } from "../../src/internal/http/contentDisposition.js"
import { toCookies, toFields } from "../../src/internal/http/headerFields.js"
import { namedHost } from "../../src/internal/http/host.js"
import { parseHttpDate } from "../../src/internal/http/httpDate.js"
import { parse as parseLinks } from "../../src/internal/http/links.js"
import { parse as parseMediaType } from "../../src/internal/http/mediaType.js"
import { isPublicSuffix, loadSuffixes } from "../../src/internal/http/publicSuffix.js"
import { toForm, toQuery } from "../../src/internal/http/query.js"
import { parseTarget, resolveLocation, Target } from "../../src/internal/http/target.js"
import { transferDecoder } from "../../src/internal/http/transferEncoding.js"
import { parseDirectives } from "../../src/internal/middleware/cache/cacheControl.js"
import { freshness } from "../../src/internal/middleware/cache/freshness.js"
import { linesOfHead } from "../../src/internal/middleware/cache/identity.js"
import { nextNonceOf, strongest } from "../../src/internal/middleware/digest/digestChallenge.js"
import { retryAfter } from "../../src/internal/middleware/retryAfter.js"
import { compileAddressPolicy } from "../../src/internal/network/dial/addressPolicy.js"
import { embeddedIPv4 } from "../../src/internal/network/dial/embeddedIPv4.js"
import { fromX509, namesHost } from "../../src/internal/network/tls/certificate.js"
import { readCertificates, readKey } from "../../src/internal/network/tls/pem.js"
import { handshakeFailed } from "../../src/internal/network/tls/tlsErrors.js"
import { parse as parseNetrc } from "../../src/internal/proxy/netrc.js"
import { compile } from "../../src/internal/proxy/noProxy.js"
import { headerPairs, parseProxyUrl } from "../../src/internal/proxy/proxyRoute.js"
import { printable, redactHeader, redactText, redactUrl } from "../../src/internal/redact.js"
import { multipartBoundary } from "../../src/internal/request/body/multipart.js"
import { mergeSessionOptions } from "../../src/internal/request/mergeOptions.js"
import { MultipartParser } from "../../src/internal/response/body/multipartParser.js"
import { digest, redactLines } from "../../src/internal/testing/cassette.js"
import { turn } from "../../src/internal/testing/faultServer.js"
import { grantOf } from "../../src/internal/webSocket/handshake.js"
import * as Resolver from "../../src/Resolver.js"
import { dns, withNames } from "../support/alternativeNames.js"
import { assertLinear } from "../support/growth.js"

beforeAll(() => Effect.runPromise(loadSuffixes))

/** A response that has this value in every header. */
const headWith = (value: string): ResponseHead & ClientResponse =>
  ({
    status: 503,
    header: () => Option.some(value),
    headerValues: () => [value]
  }) as unknown as ResponseHead & ClientResponse

const certificateWith = (text: string): X509Certificate =>
  ({
    subject: text,
    issuer: text,
    raw: withNames(dns(text)),
    validFrom: text,
    validTo: text,
    fingerprint256: ""
  }) as unknown as X509Certificate

const base = parseTarget("https://a.test/p/q", false)
if (!(base instanceof Target)) throw base

/** A function may throw, which refuses its input. */
const attempt = (f: () => unknown): unknown => {
  try {
    return f()
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof SslContextError) return error
    throw error
  }
}

interface Row {
  readonly name: string
  readonly run: (text: string) => unknown
  /** The text before the repeated piece; "" in any case. */
  readonly after?: ReadonlyArray<string>
}

const rows: ReadonlyArray<Row> = [
  { name: "a header value", run: (text) => toFields({ x: text }) },
  { name: "a cookie of a request", run: (text) => toCookies({ [text]: text }) },
  { name: "Content-Type", run: parseMediaType, after: ["text/html", "text/html;", "text/html;a=", 'text/html;a="'] },
  {
    name: "Content-Disposition",
    run: parseDisposition,
    after: ["attachment;", "attachment; filename=", 'a; filename="', "a; filename*=UTF-8''", "a; filename*0="]
  },
  { name: "Content-Encoding", run: (text) => parseCodings([text]) },
  {
    name: "a line of cookies.txt",
    run: (text) => Effect.runSync(Effect.either(parseNetscape(text, 0))),
    after: ["a.test\tFALSE\t/\tFALSE\t0\ta\t", "#HttpOnly_"]
  },
  {
    name: "a multipart message",
    run: (text) => {
      const parser = new MultipartParser("b")
      parser.push(Buffer.from(text, "latin1"))
      parser.finish()
      for (let left = text.length + 4; left > 0; left--) {
        const event = parser.next()
        if (event === undefined || event._tag === "End" || event._tag === "Malformed") return event
      }
      return undefined
    },
    after: ["--b\r\n", "--b\r\n\r\n", "--b\r\nA: ", "--b\r\n\r\n\r\n--b"]
  },
  {
    name: "base64",
    run: (text) => [transferDecoder("base64").push(Buffer.from(text, "latin1")), transferDecoder("base64").end()]
  },
  {
    name: "quoted-printable",
    run: (text) => {
      const decoder = transferDecoder("quoted-printable")
      return [decoder.push(Buffer.from(text, "latin1")), decoder.end()]
    }
  },
  {
    name: "Link",
    run: (text) => parseLinks([text], "https://a.test/"),
    after: ["<", "<http://", "<a>;", "<a>; rel=", '<a>; rel="', "<a>; title*="]
  },
  {
    name: "WWW-Authenticate",
    run: (text) => strongest([text]),
    after: ["Digest ", "Digest realm=", 'Digest realm="', 'Digest realm="r", nonce="n", qop="', "Digest a=b, "]
  },
  { name: "Authentication-Info", run: nextNonceOf, after: ["nextnonce", "nextnonce=", 'nextnonce="', ","] },
  { name: "Content-Range and ETag", run: (text) => [contentRangeOf(headWith(text)), validatorOf(headWith(text))] },
  { name: "Retry-After and RateLimit", run: (text) => retryAfter(headWith(text), 0), after: ["1;", "1;t=", ";r="] },
  { name: "a date", run: (text) => parseHttpDate(text, 0), after: ["Mon, "] },
  {
    name: "Set-Cookie",
    run: (text) => [parseSetCookie(text), fromLines([text])],
    after: ["a=", "a=b;", "a=b; Expires=", "a=b; Path=/", "a=b; Domain="]
  },
  {
    name: "a cookie in a jar",
    run: (text) => {
      const jar = new Jar(defaultSettings)
      const target = { scheme: "https", host: "a.test", port: 443, ip: 0, path: `/${text}` } as const
      jar.store([text, `a=${text}`, `a=b; Path=/${text}`, `a=b; Domain=${text}`], target, 0)
      return jar.header(target, 0)
    }
  },
  { name: "the target of a cookie", run: fromUrl, after: ["https://a.test/", "https://"] },
  { name: "a domain and its public suffix", run: isPublicSuffix, after: ["a."] },
  { name: "Cache-Control", run: (text) => parseDirectives([text]), after: ["a", "a=", 'a="'] },
  {
    name: "freshness",
    run: (text) =>
      freshness(
        200,
        ["cache-control", "expires", "age", "date", "last-modified", "pragma", "vary"].map((name) => [name, text]),
        0,
        0
      ),
    after: ["max-age=", "a, "]
  },
  { name: "a head", run: linesOfHead },
  {
    name: "text that is redacted",
    run: (text) => [redactText(text), printable(text)],
    after: ["http://", "http://a:", "cookie", "cookie:", "basic ", "authorization:", "\\\\", "//"]
  },
  {
    name: "a URL that is redacted",
    run: redactUrl,
    after: ["http://", "http://a:", "http://a:b@", "http://a/?", "http://a/#", "http://[", "//"]
  },
  {
    name: "headers that are redacted",
    run: (text) => ["link", "refresh", "location", "cookie"].map((name) => redactHeader(name, text)),
    after: ["<", "0; url=", "0; url='", "http://"]
  },
  {
    name: "a URL",
    run: (text) => [parseTarget(text, false), parseTarget(text, true), parseTarget(text, false, base)],
    after: ["http://", "http://a/", "http://a/?", "http://a:", "http://u:p@", "http://[", "//", "http://a/#"]
  },
  {
    name: "Location",
    run: (text) => [resolveLocation(text, base, true), resolveLocation(text, base, false)],
    after: ["http://a/", "http://a/?", "/", "http://u:p@a/", "http://a:", "http://", "//", "http://xn--"]
  },
  { name: "a query", run: (text) => [toQuery(text, false), toQuery({ [text]: text }, false), toForm([[text, text]])] },
  { name: "NO_PROXY", run: (text) => compile(text)({ host: "a.test", port: 80 }), after: ["a", "[", "1.2.3.4/"] },
  {
    name: "netrc",
    run: parseNetrc,
    after: ["machine ", 'machine "', "machine a login ", "macdef a\n", "machine a login b password ", "#"]
  },
  {
    name: "a proxy's URL",
    run: parseProxyUrl,
    after: ["http://", "http://a:", "http://u:", "http://[", "http://u:p@"]
  },
  { name: "a proxy's headers", run: (text) => headerPairs({ x: text }, "proxy") },
  { name: "a base URL with credentials", run: (text) => mergeSessionOptions({}, { baseUrl: text }), after: ["//"] },
  {
    name: "the Content-Type of a form",
    run: (text) => multipartBoundary(new FormData(), text),
    after: ["multipart/x", "multipart/x;", "multipart/x;boundary=", 'multipart/x;boundary="']
  },
  { name: "invalid JSON", run: faultOf, after: ["[", '{"', '"', "-", "[1", '{"a":'] },
  {
    name: "a certificate's names",
    run: (text) => [namesHost(certificateWith(text), "a.test"), fromX509(certificateWith(text))],
    after: ["DNS:", 'DNS:"', "DNS:a, ", "IP Address:", "DNS:*."]
  },
  {
    name: "PEM",
    run: (text) => [attempt(() => readCertificates("ca", text)), attempt(() => readKey("key", text, undefined))],
    after: ["-----BEGIN ", "-----BEGIN A-----", "-----BEGIN PRIVATE KEY-----", "-----END "]
  },
  {
    name: "OpenSSL's message",
    run: (message) =>
      handshakeFailed({ host: "a", port: 1, details: {} }, Object.assign(new Error(message), { code: "EPROTO" })),
    after: [":SSL routines:", ":SSL routines:a:"]
  },
  { name: "a name for TLS", run: namedHost, after: ["["] },
  { name: "a name with fixed addresses", run: (text) => attempt(() => Resolver.overrides({ [text]: [] })) },
  { name: "a name server", run: (text) => attempt(() => Resolver.nameservers([text])), after: ["[", "1.2.3.4:"] },
  {
    name: "a range of addresses",
    run: (text) => [
      attempt(() => compileAddressPolicy({ deny: [text] })),
      compileAddressPolicy({ deny: ["::/0"] })({ address: text, family: 6 }, "a"),
      embeddedIPv4(text)
    ],
    after: ["1.2.3.4/", "::", "fe80::1%", "::1."]
  },
  {
    name: "the grant of a WebSocket",
    run: (text) => grantOf(headWith(text), { key: "", protocols: [text], deflate: undefined, windowBits: 15 })
  },
  {
    name: "a cassette's lines",
    run: (text) => [redactLines([["set-cookie", text]], {}), digest(new Uint8Array(), text)],
    after: ["multipart/x;", 'multipart/x; boundary="', "a="]
  }
]

/** Pieces that a text repeats. */
const pieces: ReadonlyArray<string> = [
  ...' \t,;=\\"<>[](){}/.:@%&?#*-_+!0aA\0\n\r\u00e9\u{1f600}',
  ..."a-|a.|a:|a=|a,|a;|a |a\n|0.|0:|0,|%41|%2e|/.|/..|../|;a=|,a=|;a=b|, a=b|a=b; |,;|; |, |=;|=,|\r\n|\n\n|::|--|@@|//".split(
    "|"
  ),
  ...[
    'a="',
    '="',
    ', a="b"',
    ';a="b"',
    '\\"',
    '"\\',
    "<,",
    "<a>,",
    "<a>;",
    "&a=",
    "a&",
    "()",
    "[]",
    "{}",
    "[1,",
    '"a":'
  ],
  ...[
    "cookie ",
    "cookie:",
    "basic ",
    "bearer\n",
    "http:",
    "http://",
    "a-z://",
    "x-api-key",
    "machine a ",
    "macdef a\n"
  ],
  ...[
    "-----BEGIN A-----",
    "-----BEGIN ",
    "-----END A-----",
    "DNS:a, ",
    'DNS:"',
    "boundary=",
    ';boundary="',
    "nextnonce="
  ],
  ...[":SSL routines:", ";t=", "; t=1", "xn--", "a, no-cache", "q=0,", "filename*0=a;", ",nextnonce="]
]

const size = 1_000

/** Different characters: IDNA compares each with all others. */
const different = (length: number): string =>
  Array.from({ length }, (_, index) => String.fromCharCode(0x4e00 + ((index * 7919) % 20_000))).join("")

/** The end does not match, so that an expression backtracks. */
const texts = (piece: string | typeof different, before: string): ReadonlyArray<(length: number) => string> => {
  const repeated = (length: number) =>
    typeof piece === "string" ? piece.repeat(Math.ceil(length / piece.length)) : piece(length)
  const hostile = (length: number) => `${before}${repeated(length)}b\u0001`
  const begun = (length: number) => before + repeated(length)
  return before === "" ? [repeated, (length) => ` a${hostile(length)}`] : piece === different ? [begun] : [hostile]
}

describe("the time to read", () => {
  for (const { after = [], name, run } of rows) {
    it.effect(
      `${name} grows in proportion to its length`,
      () =>
        Effect.gen(function* () {
          for (const before of ["", ...after]) {
            for (const piece of [...new Set(pieces), different]) {
              const shown = typeof piece === "string" ? JSON.stringify(piece) : "different characters"
              for (const build of texts(piece, before)) {
                assertLinear({ name: `${JSON.stringify(before)} and ${shown}`, size, build, run })
              }
            }
            yield* turn
          }
        }),
      120_000
    )
  }
})
