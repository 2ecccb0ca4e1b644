import { inspect } from "node:util"
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, DateTime, Duration, Effect, Equal, Exit, Logger } from "effect"
import * as Errors from "effect-http-session/Errors"
import type * as Ssl from "effect-http-session/Ssl"
import { renderings } from "./support/renderings.js"

const secret = "s3cr3t-"

/** Every secret of these tests holds `secret`: it must be in no rendering. */
const headers = Headers.fromInput({
  "set-cookie": `sid=${secret}cookie`,
  authorization: `Bearer ${secret}header`,
  "x-other": "1"
})

const details: Errors.Details = {
  method: "GET",
  url: `https://user:${secret}pw@example.com/a?X-Amz-Signature=${secret}sig&page=2&access_token=${secret}tok#code=${secret}c`,
  host: "example.com",
  port: 443,
  phase: "headers",
  attempt: 2,
  remoteAddress: "192.0.2.1",
  cause: new Error(
    `read failed: https://u:${secret}cause@example.com/?sig=${secret}q Authorization: Basic ${secret}auth`
  )
}

const certificate: Ssl.Certificate = {
  subject: "CN=example.com",
  issuer: "CN=Test CA",
  names: ["example.com", "www.example.com"],
  validFrom: DateTime.unsafeMake(0),
  validTo: DateTime.unsafeMake(1000),
  sha256: "0".repeat(64)
}

const proxy = `http://proxyuser:${secret}proxy@proxy.test:3128`
const limit = Duration.seconds(5)
const body = `{"token":"${secret}body"}`
const history = [] as ReadonlyArray<never>
const hop = { headers: { location: `https://u:${secret}hop@x/` } }

/** One of each, as full as it can be, every secret planted. */
const all = {
  InvalidURL: new Errors.InvalidURL({
    ...details,
    url: `http://user:${secret}p/w@example.com/`,
    reason: "Syntax",
    description: `no port in http://user:${secret}x@example.com/`,
    redirect: true
  }),
  InvalidRequest: new Errors.InvalidRequest({
    ...details,
    option: "json",
    description: "json and data are both given"
  }),
  ClientConnectorError: new Errors.ClientConnectorError({
    ...details,
    host: "example.com",
    port: 443,
    reason: "Connect",
    code: "ECONNREFUSED",
    addresses: [
      { address: "192.0.2.1", port: 443, code: "ECONNREFUSED" },
      { address: "::1", port: 443, code: "EHOSTUNREACH" }
    ]
  }),
  ClientConnectorDNSError: new Errors.ClientConnectorDNSError({ ...details, host: "example.com", code: "ENOTFOUND" }),
  UnixClientConnectorError: new Errors.UnixClientConnectorError({ ...details, path: "/run/app.sock", code: "ENOENT" }),
  ClientConnectorSSLError: new Errors.ClientConnectorSSLError({
    ...details,
    host: "example.com",
    port: 443,
    reason: "Expired",
    code: "CERT_HAS_EXPIRED",
    certificate
  }),
  ClientConnectorCertificateError: new Errors.ClientConnectorCertificateError({
    ...details,
    host: "other.test",
    port: 443,
    reason: "HostnameMismatch",
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
    certificate
  }),
  FingerprintMismatch: new Errors.FingerprintMismatch({
    ...details,
    host: "example.com",
    port: 443,
    expected: "a".repeat(64),
    got: "b".repeat(64),
    certificate
  }),
  ClientProxyConnectionError: new Errors.ClientProxyConnectionError({
    ...details,
    proxy,
    reason: "Connect",
    code: "ECONNREFUSED"
  }),
  ClientHttpProxyError: new Errors.ClientHttpProxyError({
    ...details,
    proxy,
    status: 407,
    reason: "Proxy Authentication Required",
    headers,
    body
  }),
  ConnectionTimeoutError: new Errors.ConnectionTimeoutError({ ...details, phase: "dns", timeout: "connect", limit }),
  SocketTimeoutError: new Errors.SocketTimeoutError({ ...details, phase: "body", timeout: "body", limit }),
  TotalTimeoutError: new Errors.TotalTimeoutError({ ...details, phase: "send", timeout: "total", limit }),
  ServerDisconnectedError: new Errors.ServerDisconnectedError({ ...details, reused: true, received: 0 }),
  ClientOSError: new Errors.ClientOSError({ ...details, code: "EPIPE", syscall: "write" }),
  StreamResetError: new Errors.StreamResetError({
    ...details,
    code: "ENHANCE_YOUR_CALM",
    scope: "Connection",
    unprocessed: true,
    debug: `cookie: a=${secret}`
  }),
  BadHttpMessage: new Errors.BadHttpMessage({
    ...details,
    reason: "Header",
    description: "a header without a name",
    excerpt: `Set-Cookie: a=${secret}line\u0000`
  }),
  ClientPayloadError: new Errors.ClientPayloadError({ ...details, reason: "Incomplete", received: 5, expected: 10 }),
  RequestBodyError: new Errors.RequestBodyError({ ...details, reason: "Source" }),
  ContentTypeError: new Errors.ContentTypeError({
    ...details,
    status: 200,
    contentType: "text/html",
    expected: "application/json",
    excerpt: body
  }),
  JsonDecodeError: new Errors.JsonDecodeError({ ...details, position: 12, excerpt: body }),
  ClientResponseError: new Errors.ClientResponseError({
    ...details,
    status: 503,
    reason: "Service Unavailable",
    headers,
    history,
    body
  }),
  TooManyRedirects: new Errors.TooManyRedirects({ ...details, limit: 10, history }),
  UpgradeError: new Errors.UpgradeError({
    ...details,
    reason: "Refused",
    description: "expected 101 with Upgrade: tcp",
    status: 409,
    headers,
    body
  }),
  WSServerHandshakeError: new Errors.WSServerHandshakeError({
    ...details,
    status: 200,
    reason: "OK",
    description: "the server did not switch protocols",
    headers,
    body
  }),
  WebSocketError: new Errors.WebSocketError({ ...details, reason: "Closed", code: 1001, closeReason: "going away" }),
  MiddlewareError: new Errors.MiddlewareError({ ...details, reason: "TokenRefresh", description: "no token" }),
  SessionClosedError: new Errors.SessionClosedError({ ...details, subject: "Session" }),
  PoolSaturatedError: new Errors.PoolSaturatedError({ ...details, waiting: 3, maxQueue: 3 })
} satisfies { readonly [E in Errors.ClientError as E["_tag"]]: E }

const others = {
  SslContextError: new Errors.SslContextError({
    option: "key",
    description: "the key does not fit the certificate",
    cause: details.cause
  }),
  CookieJarError: new Errors.CookieJarError({
    reason: "Malformed",
    description: "not JSON",
    cause: details.cause
  })
}

const everyError: ReadonlyArray<Errors.ClientError | Errors.SslContextError | Errors.CookieJarError> = [
  ...Object.values(all),
  ...Object.values(others)
]

const assertNoSecret = (error: unknown) => {
  for (const [how, text] of Object.entries(renderings(error))) {
    assert.notInclude(text, secret, `${how} of ${error instanceof Error ? error.name : typeof error}`)
  }
}

describe("every error", () => {
  it("renders the planted secret if nothing redacts it", () => {
    // The assertions below are worth something only if these renderings show secrets at all.
    class Careless extends Data.TaggedError("Careless")<{ readonly headers: unknown; readonly cause: unknown }> {}
    const shown = renderings(new Careless({ headers: { ...headers }, cause: details.cause }))
    for (const how of ["json", "inspect", "spread", "effectJson", "prettyWithCause", "causeJson", "exit"]) {
      assert.include(shown[how], secret, how)
    }
  })

  for (const error of everyError) {
    describe(error._tag, () => {
      it("shows no secret", () => {
        assertNoSecret(error)
      })

      it("shows no secret as the cause of another", () => {
        assertNoSecret(new Errors.MiddlewareError({ reason: "Failed", cause: error }))
        assertNoSecret(
          new Errors.MiddlewareError({
            reason: "Failed",
            cause: new Errors.ClientProxyConnectionError({ proxy, reason: "Tls", code: "x", cause: error })
          })
        )
        assertNoSecret(new Error("outer", { cause: error }))
      })

      it("has a message of one sentence that names its subject", () => {
        assert.isNotEmpty(error.message)
        assert.notMatch(error.message, /undefined|\[object|NaN/)
        assert.isFalse([...error.message].some((char) => char < " " || char === "\u007f"))
        assert.isTrue(String(error).startsWith(`${error._tag}: ${error.message}`))
        assert.isTrue(error.stack?.startsWith(`${error._tag}: ${error.message}\n`))
        if (error._tag !== "SslContextError" && error._tag !== "CookieJarError" && error._tag !== "InvalidURL") {
          assert.include(error.message, "GET https://example.com/a")
          assert.include(error.message, `in phase ${error.phase} of attempt 2`)
        }
      })

      it("is an Error, an Effect value and plain JSON", () => {
        assert.instanceOf(error, Error)
        assert.strictEqual(error.name, error._tag)
        const json = JSON.parse(JSON.stringify(error))
        assert.strictEqual(json._tag, error._tag)
        assert.strictEqual(json.message, error.message)
        assert.deepStrictEqual(json.cause, { name: "Error" })
        const effect: Effect.Effect<never, typeof error> = error
        assert.deepStrictEqual(Effect.runSyncExit(effect), Exit.fail(error))
      })

      it("keeps the fields that handlers need", () => {
        assert.instanceOf(error.cause, Error)
        if ("headers" in error) assert.strictEqual(error.headers, headers)
        if ("body" in error) assert.strictEqual(error.body, body)
        if ("history" in error) assert.strictEqual(error.history, history)
        for (const key of ["headers", "body", "history", "cause"]) assert.notInclude(Object.keys(error), key)
      })
    })
  }

  it("redacts URLs when it is constructed", () => {
    assert.strictEqual(
      all.PoolSaturatedError.url,
      "https://example.com/a?X-Amz-Signature=REDACTED&page=2&access_token=REDACTED#code=REDACTED"
    )
    assert.strictEqual(all.ClientHttpProxyError.proxy, "http://proxy.test:3128")
    assert.strictEqual(all.InvalidURL.url, "http://example.com/")
    assert.strictEqual(all.InvalidURL.description, "no port in http://example.com/")
  })

  it("keeps a cause unchanged unless its text holds credentials", () => {
    class Own extends Data.TaggedError("Own")<{ readonly n: number }> {}
    const own = new Own({ n: 1 })
    assert.strictEqual(new Errors.MiddlewareError({ reason: "Failed", cause: own }).cause, own)
    const talkative = new TypeError(`fetch of https://u:${secret}@x.test/ failed`)
    const { cause } = new Errors.MiddlewareError({ reason: "Failed", cause: talkative })
    assert.instanceOf(cause, TypeError)
    assert.strictEqual((cause as Error).message, "fetch of https://x.test/ failed")
    assert.include(talkative.message, secret)
  })

  const syntaxError = (text: string): unknown => {
    try {
      return JSON.parse(text)
    } catch (error) {
      return error
    }
  }

  it("carries V8's JSON error without the text that it quotes", () => {
    const texts = [`{"t":${secret}}`, secret, `{"token":"a"},${secret}`, `"${secret}" "a"`, `{"a":1,"${secret}`]
    for (const text of texts) {
      const thrown = syntaxError(text)
      assert.instanceOf(thrown, SyntaxError)
      const error = new Errors.JsonDecodeError({ excerpt: text, cause: thrown })
      assert.instanceOf(error.cause, SyntaxError)
      assertNoSecret(error)
      assert.notInclude(inspect(error.cause, { showHidden: true }), secret)
      assert.notInclude(String(error.cause), secret)
      assert.match((error.cause as Error).message, /JSON/)
    }
    const plain = new SyntaxError("Unexpected end of JSON input")
    assert.strictEqual(new Errors.JsonDecodeError({ excerpt: "", cause: plain }).cause, plain)
  })

  it("redacts the causes of a cause", () => {
    const inner = new TypeError("fetch failed", { cause: new Error(`GET https://u:${secret}@x.test/`) })
    const outer = new Error("gave up", { cause: new Error("retried", { cause: inner }) })
    const error = new Errors.MiddlewareError({ reason: "Failed", cause: outer })
    assertNoSecret(error)
    assert.strictEqual((error.cause as Error).message, "gave up")
    const found = ((error.cause as Error).cause as Error).cause
    assert.instanceOf(found, TypeError)
    assert.strictEqual((found.cause as Error).message, "GET https://x.test/")
    const endless = new Error("a")
    endless.cause = endless
    assertNoSecret(new Errors.MiddlewareError({ reason: "Failed", cause: endless }))
  })

  it("shows no value of a secret header in the excerpt of a head", () => {
    const lines = [
      `X-Auth-Token: ${secret}`,
      `authorization : Bearer ${secret}`,
      `HTTP/1.1 200 OK\r\nSet-Cookie: a=${secret}`,
      `A: b\\r\\nX-Api-Key: ${secret}`,
      `Location: https://user:${secret}`,
      `X-Debug: Authorization: Basic ${secret}`
    ]
    for (const excerpt of lines) {
      const error = new Errors.BadHttpMessage({ reason: "Header", description: "bad", excerpt })
      assert.notInclude(error.excerpt, secret)
      assertNoSecret(error)
    }
  })

  it("never carries Node's URL error, which holds the whole input", () => {
    let thrown: unknown
    try {
      new URL(`http://user:${secret}@`)
    } catch (error) {
      thrown = error
    }
    assert.include(inspect(thrown), secret)
    const error = new Errors.InvalidURL({ url: "http://", reason: "Syntax", description: "no host", cause: thrown })
    assert.isUndefined(error.cause)
    assertNoSecret(error)
  })

  it("shows no secret of hops, strings and objects in its cause or history", () => {
    for (const cause of [`${secret}text`, { password: `${secret}object` }, [hop], Object.assign(new Error("x"), hop)]) {
      const error = new Errors.RequestBodyError({ reason: "Source", cause })
      for (const how of ["string", "json", "inspect", "inspectHidden", "spread", "effectJson", "causeJson", "exit"]) {
        assert.notInclude(renderings(error)[how], secret, how)
      }
      assert.strictEqual(error.cause, cause)
    }
  })

  it("escapes and shortens text of a peer", () => {
    const error = new Errors.BadHttpMessage({
      reason: "StatusLine",
      description: "no version",
      excerpt: `\u001b[31mHTTP\r\n\u202e${"x".repeat(5000)}`
    })
    assert.isAtMost(error.excerpt.length, 400)
    assert.isTrue(error.excerpt.startsWith("\\x1b[31mHTTP\\x0d\\x0a\\u202exx"))
    assert.include(error.message, "\\x1b[31mHTTP")
    const response = new Errors.ClientResponseError({
      status: 500,
      reason: "a\u001b[2Jb",
      headers,
      history,
      body: ""
    })
    assert.notInclude(response.message, "\u001b")
    assert.notInclude(JSON.stringify(all.BadHttpMessage), "\\u0000")
  })

  it("is logged without secrets", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const loggers = [Logger.jsonLogger, Logger.logfmtLogger, Logger.stringLogger].map((logger) =>
        Logger.map(logger, (line) => {
          lines.push(line)
        })
      )
      for (const logger of loggers) {
        yield* Effect.forEach(everyError, (error) => Effect.logError("failed", error, Cause.fail(error))).pipe(
          Effect.annotateLogs({ error: all.ClientResponseError }),
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )
      }
      assert.strictEqual(lines.length, loggers.length * everyError.length)
      for (const line of lines) assert.notInclude(line, secret)
    }).pipe(Effect.runPromise))

  it("compares by value", () => {
    const one = () => new Errors.ClientConnectorDNSError({ host: "a.test", code: "ENOTFOUND" })
    assert.isTrue(Equal.equals(one(), one()))
    assert.isFalse(Equal.equals(one(), new Errors.ClientConnectorDNSError({ host: "b.test", code: "ENOTFOUND" })))
  })
})

describe("the guards", () => {
  const groups: ReadonlyArray<readonly [string, (error: unknown) => boolean, ReadonlyArray<string>]> = [
    ["isClientError", Errors.isClientError, Object.keys(all)],
    [
      "isClientConnectionError",
      Errors.isClientConnectionError,
      [
        "ClientConnectorError",
        "ClientConnectorDNSError",
        "UnixClientConnectorError",
        "ClientConnectorSSLError",
        "ClientConnectorCertificateError",
        "FingerprintMismatch",
        "ClientProxyConnectionError",
        "ServerDisconnectedError",
        "ClientOSError",
        "StreamResetError",
        "ConnectionTimeoutError",
        "SocketTimeoutError"
      ]
    ],
    ["isClientSSLError", Errors.isClientSSLError, ["ClientConnectorSSLError", "ClientConnectorCertificateError"]],
    [
      "isTlsError",
      Errors.isTlsError,
      ["ClientConnectorSSLError", "ClientConnectorCertificateError", "FingerprintMismatch"]
    ],
    [
      "isServerTimeoutError",
      Errors.isServerTimeoutError,
      ["ConnectionTimeoutError", "SocketTimeoutError", "TotalTimeoutError"]
    ],
    ["isProxyError", Errors.isProxyError, ["ClientProxyConnectionError", "ClientHttpProxyError"]]
  ]
  for (const [name, guard, tags] of groups) {
    it(name, () => {
      assert.deepStrictEqual(
        everyError.filter(guard).map((error) => error._tag),
        Object.keys(all).filter((tag) => tags.includes(tag)) as Array<(typeof everyError)[number]["_tag"]>
      )
      for (const foreign of [undefined, null, 1, "InvalidURL", {}, { _tag: "InvalidURL" }, new Error("x")]) {
        assert.isFalse(guard(foreign))
      }
    })
  }

  it("narrow complete channels, partial channels and unknown values", () => {
    type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
    const same = <_T extends true>() => {}
    type Failure<T> = T extends Effect.Effect<infer _A, infer E, infer _R> ? E : never

    const whole = Effect.fail(all.FingerprintMismatch as Errors.ClientError)
    const caught = whole.pipe(Effect.catchIf(Errors.isTlsError, (error) => Effect.succeed(error.certificate)))
    same<Same<Failure<typeof caught>, Exclude<Errors.ClientError, Errors.TlsError>>>()

    const partial = whole.pipe(
      Effect.catchTag("FingerprintMismatch", () => Effect.void),
      Effect.catchIf(Errors.isTlsError, (error) => Effect.succeed(error.reason))
    )
    same<Same<Failure<typeof partial>, Exclude<Errors.ClientError, Errors.TlsError>>>()

    const foreign: unknown = all.TotalTimeoutError
    if (Errors.isServerTimeoutError(foreign)) {
      same<Same<typeof foreign, Errors.ServerTimeoutError>>()
    } else {
      assert.fail("not narrowed")
    }
    assert.deepStrictEqual(Effect.runSync(Effect.either(caught))._tag, "Right")
  })

  it("know the fields in catchTag and the constructors", () => {
    const handled = Effect.fail(all.JsonDecodeError as Errors.ClientError).pipe(
      Effect.catchTag("JsonDecodeError", (error) => Effect.succeed(error.excerpt))
    )
    assert.strictEqual(Effect.runSync(Effect.orDie(handled)), body)
    // @ts-expect-error a host is needed
    new Errors.ClientConnectorDNSError({ code: "ENOTFOUND" })
    // @ts-expect-error no message of one's own
    new Errors.ClientConnectorDNSError({ host: "", code: "", message: "" })
  })
})

describe("isRetryable", () => {
  const fields = { host: "a.test", port: 1, code: "X" } as const
  const at = (method: string, attempt?: number) => ({ method, attempt })
  const answered = (status: number, method: string) =>
    new Errors.ClientResponseError({ method, status, reason: "", headers, history, body: "" })
  const reset = (method: string, code: Errors.Http2Code, unprocessed: boolean, attempt?: number) =>
    new Errors.StreamResetError({ ...at(method, attempt), code, scope: "Stream", unprocessed, debug: "" })
  const rows: ReadonlyArray<readonly [string, unknown, boolean]> = [
    ["a refused POST", new Errors.ClientConnectorError({ ...at("POST"), ...fields, reason: "Connect" }), true],
    [
      "a POST refused after a redirect or another attempt",
      new Errors.ClientConnectorError({ ...at("POST", 2), ...fields, reason: "Connect" }),
      false
    ],
    ["a GET refused later", new Errors.ClientConnectorError({ ...at("GET", 3), ...fields, reason: "Connect" }), true],
    [
      "addresses refused by policy",
      new Errors.ClientConnectorError({ ...at("GET"), ...fields, reason: "AddressPolicy" }),
      false
    ],
    ["a POST without DNS", new Errors.ClientConnectorDNSError({ ...at("POST"), ...fields }), true],
    ["no Unix socket", new Errors.UnixClientConnectorError({ ...at("POST"), path: "/x", code: "ENOENT" }), true],
    [
      "an expired certificate",
      new Errors.ClientConnectorSSLError({ ...at("GET"), ...fields, reason: "Expired" }),
      false
    ],
    [
      "a handshake refused by alert",
      new Errors.ClientConnectorSSLError({ ...at("GET"), ...fields, reason: "Handshake" }),
      false
    ],
    [
      "a handshake cut",
      new Errors.ClientConnectorSSLError({ ...at("POST"), ...fields, reason: "Handshake", code: "ECONNRESET" }),
      true
    ],
    ["a wrong name", all.ClientConnectorCertificateError, false],
    ["a wrong pin", all.FingerprintMismatch, false],
    [
      "a proxy down",
      new Errors.ClientProxyConnectionError({ ...at("POST"), proxy: "", reason: "Connect", code: "" }),
      true
    ],
    [
      "a proxy untrusted",
      new Errors.ClientProxyConnectionError({ ...at("GET"), proxy: "", reason: "Tls", code: "" }),
      false
    ],
    ["a 407", all.ClientHttpProxyError, false],
    [
      "a proxy's 503 to a POST",
      new Errors.ClientHttpProxyError({ ...at("POST"), proxy: "", status: 503, reason: "", headers, body: "" }),
      true
    ],
    [
      "a POST that never got a connection",
      new Errors.ConnectionTimeoutError({ ...at("POST"), phase: "queue", timeout: "poolWait", limit }),
      true
    ],
    ["a full queue", new Errors.PoolSaturatedError({ ...at("POST"), waiting: 1, maxQueue: 1 }), true],
    [
      "a silent GET",
      new Errors.SocketTimeoutError({ ...at("GET"), phase: "headers", timeout: "headers", limit }),
      true
    ],
    [
      "a silent POST",
      new Errors.SocketTimeoutError({ ...at("POST"), phase: "headers", timeout: "headers", limit }),
      false
    ],
    [
      "a POST out of time in DNS",
      new Errors.TotalTimeoutError({ ...at("POST"), phase: "dns", timeout: "total", limit }),
      true
    ],
    [
      "a POST out of time while sending",
      new Errors.TotalTimeoutError({ ...at("POST"), phase: "send", timeout: "total", limit }),
      false
    ],
    ["a PUT out of time", new Errors.TotalTimeoutError({ ...at("PUT"), phase: "body", timeout: "total", limit }), true],
    ["a GET cut off", new Errors.ServerDisconnectedError({ ...at("GET"), reused: false, received: 0 }), true],
    ["a POST cut off", new Errors.ServerDisconnectedError({ ...at("POST"), reused: true, received: 0 }), false],
    [
      "a POST whose connection ended before it was written",
      new Errors.ServerDisconnectedError({ ...at("POST"), phase: "connect", reused: true, received: 0 }),
      true
    ],
    [
      "a POST cut off while it was sent",
      new Errors.ServerDisconnectedError({ ...at("POST"), phase: "send", reused: true, received: 0 }),
      false
    ],
    ["a method in lower case", new Errors.ServerDisconnectedError({ ...at("get"), reused: true, received: 0 }), false],
    ["no method known", new Errors.ServerDisconnectedError({ reused: true, received: 0 }), false],
    ["a reset DELETE", new Errors.ClientOSError({ ...at("DELETE"), code: "ECONNRESET" }), true],
    ["a reset PATCH", new Errors.ClientOSError({ ...at("PATCH"), code: "ECONNRESET" }), false],
    ...(["REFUSED_STREAM", "NO_ERROR", "ENHANCE_YOUR_CALM"] as const).flatMap((code) =>
      (["GET", "POST"] as const).map(
        (method) => [`a ${method} refused with ${code}`, reset(method, code, true), true] as const
      )
    ),
    ["a POST refused once more", reset("POST", "REFUSED_STREAM", true, 2), false],
    ["a GET refused once more", reset("GET", "REFUSED_STREAM", true, 2), true],
    ...(
      ["NO_ERROR", "INTERNAL_ERROR", "CANCEL", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "HTTP_1_1_REQUIRED"] as const
    ).flatMap((code) => [
      [`a GET reset with ${code}`, reset("GET", code, false), true] as const,
      [`a POST reset with ${code}`, reset("POST", code, false), false] as const
    ]),
    ...(["PROTOCOL_ERROR", "FLOW_CONTROL_ERROR", "INADEQUATE_SECURITY", "0x2a"] as const).map(
      (code) => [`a GET reset with ${code}`, reset("GET", code, false), false] as const
    ),
    ["a body cut", new Errors.ClientPayloadError({ ...at("GET"), reason: "Incomplete", received: 1 }), true],
    ["a body too large", new Errors.ClientPayloadError({ ...at("GET"), reason: "TooLarge", received: 1 }), false],
    ...[408, 425, 429, 502, 503, 504].flatMap((status) => [
      [`a GET answered ${status}`, answered(status, "GET"), true] as const,
      [`a POST answered ${status}`, answered(status, "POST"), false] as const
    ]),
    ...[400, 401, 403, 404, 409, 410, 418, 500, 501, 505].map(
      (status) => [`a GET answered ${status}`, answered(status, "GET"), false] as const
    ),
    ["a closed session", all.SessionClosedError, false],
    ["a bad URL", all.InvalidURL, false],
    ["a bad request", all.InvalidRequest, false],
    ["a bad head", all.BadHttpMessage, false],
    ["a middleware that gave up", all.MiddlewareError, false],
    ["a context", others.SslContextError, false],
    ["a foreign error", new Error("x"), false],
    ["nothing", undefined, false]
  ]
  for (const [name, error, expected] of rows) {
    it(`returns ${expected} for ${name}`, () => {
      assert.strictEqual(Errors.isRetryable(error), expected)
    })
  }
})
