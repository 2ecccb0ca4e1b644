import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Equal, Exit, Logger } from "effect"
import * as Errors from "effect-http-session/Errors"
import { all, body, details, everyError, headers, history, hop, proxy, secret } from "./support/everyError.js"
import { renderings } from "./support/renderings.js"

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
