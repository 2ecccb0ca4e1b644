import { createHash } from "node:crypto"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Stream } from "effect"
import * as Auth from "effect-http-session/Auth"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as Middleware from "effect-http-session/Middleware"
import { type Reply, request, type Script, script } from "../support.js"

const credentials = Auth.basic("user", "s3cret")

const challenge = (rest = "", name = "WWW-Authenticate", status = 401): Reply => ({
  status,
  headers: [[name, `Digest realm="r", qop="auth", nonce="n1"${rest}`]]
})

const authorizations = (run: Script) =>
  run.seen.map((sent) => (sent.header("authorization")._tag === "Some" ? params(sent) : undefined))

const params = (sent: ClientRequest.ClientRequest): Record<string, string> => {
  const header = sent.header("authorization")
  const out: Record<string, string> = {}
  const text = header._tag === "Some" ? header.value : ""
  for (const [, name = "", value = ""] of text.matchAll(/([\w*]+)="?([^",]*)"?/g)) out[name] = value
  return out
}

const md5 = (text: string) => createHash("md5").update(text).digest("hex")

/** Whether a server would accept the answer. */
const verified = (sent: ClientRequest.ClientRequest) => {
  const { cnonce, nc, nonce, qop, realm, response, uri, username } = params(sent)
  const url = new URL(sent.url)
  return (
    username === "user" &&
    uri === url.pathname + url.search &&
    response === md5(`${md5(`user:${realm}:s3cret`)}:${nonce}:${nc}:${cnonce}:${qop}:${md5(`${sent.method}:${uri}`)}`)
  )
}

/** Sends requests in order through one middleware, each with its own script. */
const through = (
  middleware: Middleware.Middleware,
  asked: Effect.Effect<ClientRequest.ClientRequest>,
  replies: Parameters<typeof script>[0]
) =>
  Effect.gen(function* () {
    const run = script(replies)
    const result = yield* Effect.either(middleware(yield* asked, run.next))
    const status = Either.isRight(result) ? result.right.status : result.left._tag
    return { ...run, status }
  })

describe("digest", () => {
  it.effect("answers a challenge once, and releases the refused response", () =>
    Effect.gen(function* () {
      const digest = yield* Middleware.digest(credentials)
      const run = yield* through(digest, request("GET", "http://a.test/p?x=%5B%5D"), [challenge(), { status: 200 }])
      assert.strictEqual(run.status, 200)
      assert.strictEqual(run.seen.length, 2)
      assert.isTrue(verified(run.seen[1]!))
      assert.strictEqual(run.made[0]!.calls.abandoned, 1)
      assert.notInclude(JSON.stringify(run.seen[1]), "response=")
    })
  )

  describe("digest does not answer", () => {
    const rows: ReadonlyArray<readonly [string, ReadonlyArray<Reply>, number]> = [
      ["200", [{ status: 200 }], 1],
      ["401 without a challenge", [{ status: 401 }], 1],
      ["401 of another scheme", [{ status: 401, headers: [["WWW-Authenticate", 'Basic realm="r"']] }], 1],
      ["401 with an unknown algorithm", [challenge(", algorithm=WHIRLPOOL")], 1],
      ["407", [challenge("", "Proxy-Authenticate", 407)], 1],
      ["a second refusal", [challenge()], 2],
      ["a nonce that is stale each time", [challenge(", stale=true")], 3]
    ]
    for (const [name, replies, sent] of rows) {
      it.effect(name, () =>
        Effect.gen(function* () {
          const digest = yield* Middleware.digest(credentials)
          const run = yield* through(digest, request(), replies)
          assert.strictEqual(run.seen.length, sent)
          const [last] = run.made.slice(-1)
          assert.strictEqual(run.status, last!.response.status)
          assert.strictEqual(last!.calls.abandoned, 0)
        })
      )
    }
  })

  it.effect("sends credentials in advance with increasing counts", () =>
    Effect.gen(function* () {
      const digest = yield* Middleware.digest(credentials)
      yield* through(digest, request(), [challenge(), { status: 200 }])
      const run = yield* through(digest, request("GET", "http://example.test/other"), [{ status: 200 }])
      assert.strictEqual(run.seen.length, 1)
      assert.isTrue(verified(run.seen[0]!))
      assert.strictEqual(params(run.seen[0]!).nc, "00000002")
    })
  )

  it.effect("waits for each challenge with preemptive: false", () =>
    Effect.gen(function* () {
      const digest = yield* Middleware.digest(credentials, { preemptive: false })
      yield* through(digest, request(), [challenge(), { status: 200 }])
      const run = yield* through(digest, request(), [challenge(), { status: 200 }])
      assert.deepStrictEqual(
        authorizations(run).map((sent) => sent?.nc),
        [undefined, "00000002"]
      )
    })
  )

  it.effect("uses the next nonce and restarts the count", () =>
    Effect.gen(function* () {
      const digest = yield* Middleware.digest(credentials)
      yield* through(digest, request(), [
        challenge(),
        { status: 200, headers: [["Authentication-Info", 'qop=auth, nextnonce="n2", rspauth="x"']] }
      ])
      const run = yield* through(digest, request(), [{ status: 200 }])
      assert.strictEqual(params(run.seen[0]!).nonce, "n2")
      assert.strictEqual(params(run.seen[0]!).nc, "00000001")
      assert.isTrue(verified(run.seen[0]!))
    })
  )

  it.effect("answers again after a stale nonce, also after one that was sent in advance", () =>
    Effect.gen(function* () {
      const fresh: Reply = {
        status: 401,
        headers: [["WWW-Authenticate", 'Digest realm="r", qop="auth", nonce="n2", stale=TRUE']]
      }
      const digest = yield* Middleware.digest(credentials)
      const first = yield* through(digest, request(), [challenge(), fresh, { status: 200 }])
      assert.deepStrictEqual(
        authorizations(first).map((sent) => sent?.nonce),
        [undefined, "n1", "n2"]
      )
      const newest: Reply = {
        status: 401,
        headers: [["WWW-Authenticate", 'Digest realm="r", qop="auth", nonce="n3"']]
      }
      const ahead = yield* through(digest, request(), [newest, { status: 200 }])
      assert.deepStrictEqual(
        authorizations(ahead).map((sent) => sent?.nonce),
        ["n2", "n3"]
      )
    })
  )

  it.effect(
    "does not repeat a request whose nonce in advance was refused, and does not use that nonce in advance again",
    () =>
      Effect.gen(function* () {
        const digest = yield* Middleware.digest(credentials)
        yield* through(digest, request(), [challenge(), { status: 200 }])
        const refused = yield* through(digest, request(), [challenge()])
        assert.strictEqual(refused.seen.length, 1)
        const after = yield* through(digest, request(), [{ status: 200 }])
        assert.deepStrictEqual(authorizations(after), [undefined])
      })
  )

  it.effect("keeps the session key and client nonce of -sess with a new nonce", () =>
    Effect.gen(function* () {
      const digest = yield* Middleware.digest(credentials)
      const sess: Reply = {
        status: 401,
        headers: [["WWW-Authenticate", 'Digest realm="r", qop="auth", nonce="n1", algorithm=MD5-sess']]
      }
      const first = yield* through(digest, request(), [
        sess,
        { status: 200, headers: [["Authentication-Info", 'nextnonce="n2"']] }
      ])
      const second = yield* through(digest, request(), [{ status: 200 }])
      const { cnonce } = params(first.seen[1]!)
      const { nc, nonce, qop, response, uri, ...rest } = params(second.seen[0]!)
      assert.strictEqual(rest.cnonce, cnonce)
      assert.strictEqual(nonce, "n2")
      const secret = md5(`${md5("user:r:s3cret")}:n1:${cnonce}`)
      assert.strictEqual(response, md5(`${secret}:n2:${nc}:${cnonce}:${qop}:${md5(`GET:${uri}`)}`))
    })
  )

  describe("auth-int", () => {
    const offer = (qop: string): Reply => ({
      status: 401,
      headers: [["WWW-Authenticate", `Digest realm="r", qop="${qop}", nonce="n1"`]]
    })
    const stream = Stream.make(Buffer.from("bo"), Buffer.from("dy"))
    const rows: ReadonlyArray<readonly [string, ClientRequest.RequestOptions, string, string | undefined]> = [
      ["no body", {}, "auth,auth-int", "auth-int"],
      ["bytes", { data: Buffer.from("body") }, "auth, auth-int", "auth-int"],
      ["a stream", { data: stream }, "auth,auth-int", "auth"],
      ["a stream and nothing else", { data: stream }, "auth-int", "auth-int"],
      ["bytes to be compressed", { data: Buffer.from("body"), compress: "gzip" }, "auth,auth-int", "auth"],
      [
        "bytes to be compressed and nothing else",
        { data: Buffer.from("body"), compress: "gzip" },
        "auth-int",
        undefined
      ]
    ]
    for (const [name, options, qop, expected] of rows) {
      it.effect(name, () =>
        Effect.gen(function* () {
          const digest = yield* Middleware.digest(credentials)
          const asked = request("POST", "http://a.test/", options)
          const run = yield* through(digest, asked, [offer(qop), { status: 200 }])
          const sent = run.seen[1] === undefined ? undefined : params(run.seen[1])
          assert.strictEqual(sent?.qop, expected)
          if (sent?.qop === "auth-int") {
            const body = md5(options.data === undefined ? "" : "body")
            const wanted = md5(`POST:/:${body}`)
            const { cnonce, nc, response } = sent
            assert.strictEqual(response, md5(`${md5("user:r:s3cret")}:n1:${nc}:${cnonce}:auth-int:${wanted}`))
          }
        })
      )
    }
  })

  it.effect("returns the 401 if the body can be read once", () =>
    Effect.gen(function* () {
      const digest = yield* Middleware.digest(credentials)
      const asked = request("POST", "http://a.test/", { data: ClientRequest.oneShot(Stream.make(new Uint8Array([1]))) })
      const run = yield* through(digest, asked, [challenge()])
      assert.deepStrictEqual([run.seen.length, run.status], [1, 401])
    })
  )

  describe("the origins and protection spaces of digest", () => {
    const rows: ReadonlyArray<readonly [string, string, string, string, "ahead" | "answered" | "never"]> = [
      ["the origin without domain", "http://a.test/x", "", "http://a.test/y", "ahead"],
      ["another host", "http://a.test/x", "", "http://b.test/x", "never"],
      ["another port", "http://a.test/x", "", "http://a.test:81/x", "never"],
      ["another scheme", "http://a.test/x", "", "https://a.test/x", "never"],
      ["within a path", "http://a.test/x", "/app1", "http://a.test/app1/x", "ahead"],
      ["the path itself", "http://a.test/x", "/app1", "http://a.test/app1?q", "ahead"],
      ["beside a path", "http://a.test/x", "/app1", "http://a.test/app123", "answered"],
      ["one of several", "http://a.test/x", "/app1 /app2/", "http://a.test/app2/x", "ahead"],
      ["a host that is named", "http://a.test/x", "/ http://b.test/", "http://b.test/x", "answered"],
      ["a host that is not", "http://a.test/x", "/ http://b.test/", "http://c.test/x", "never"],
      ["a named host without TLS", "https://a.test/x", "/ http://b.test/", "http://b.test/x", "never"],
      ["a name without its port", "http://a.test/x", "http://b.test:81/", "http://b.test/x", "never"]
    ]
    for (const [name, first, domain, second, expected] of rows) {
      it.effect(name, () =>
        Effect.gen(function* () {
          const digest = yield* Middleware.digest(credentials)
          const rest = domain === "" ? "" : `, domain="${domain}"`
          yield* through(digest, request("GET", first), [challenge(rest), { status: 200 }])
          const run = yield* through(digest, request("GET", second), (sent) =>
            sent.header("authorization")._tag === "Some" ? { status: 200 } : challenge(rest)
          )
          const [ahead, after] = authorizations(run)
          assert.strictEqual(ahead !== undefined ? "ahead" : after !== undefined ? "answered" : "never", expected)
        })
      )
    }

    it.effect("ignore a challenge that another origin sends first", () =>
      Effect.gen(function* () {
        const digest = yield* Middleware.digest(credentials)
        yield* through(digest, request("GET", "http://a.test/"), [{ status: 200 }])
        const other = yield* through(digest, request("GET", "http://b.test/"), [challenge(', domain="http://b.test/"')])
        assert.strictEqual(other.seen.length, 1)
        const own = yield* through(digest, request("GET", "http://a.test/"), [challenge(), { status: 200 }])
        assert.strictEqual(own.seen.length, 2)
      })
    )
  })

  describe("credentials of the request", () => {
    const rows: ReadonlyArray<ClientRequest.RequestOptions> = [
      { headers: { authorization: "Bearer x" } },
      { auth: Auth.basic("a", "b") },
      { auth: false }
    ]
    for (const options of rows) {
      it.effect(`are not replaced: ${inspect(options)}`, () =>
        Effect.gen(function* () {
          const digest = yield* Middleware.digest(credentials)
          const run = yield* through(digest, request("GET", "http://a.test/", options), [challenge()])
          assert.strictEqual(run.seen.length, 1)
        })
      )
    }
  })

  for (const name of ["a:b", "a\u0000b"]) {
    it.effect(`fails for the user name ${JSON.stringify(name)}`, () =>
      Effect.gen(function* () {
        const digest = yield* Middleware.digest(Auth.basic(name, "p"))
        const run = yield* through(digest, request(), [challenge()])
        assert.strictEqual(run.status, "InvalidRequest")
      })
    )
  }

  it.effect("uses distinct counts for concurrent requests", () =>
    Effect.gen(function* () {
      const digest = yield* Middleware.digest(credentials)
      yield* through(digest, request(), [challenge(), { status: 200 }])
      const run = script([{ status: 200 }])
      const asked = yield* request()
      yield* Effect.all(
        Array.from({ length: 20 }, () => digest(asked, run.next)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(run.seen.map((sent) => params(sent).nc)).size, 20)
    })
  )
})
