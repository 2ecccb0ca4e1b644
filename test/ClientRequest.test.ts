import { execFileSync } from "node:child_process"
import { inspect } from "node:util"
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { pipe } from "effect/Function"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Auth from "../src/Auth.js"
import * as ClientRequest from "../src/ClientRequest.js"
import { adopt } from "../src/internal/request/prepare.js"
import { PreparedRequest } from "../src/internal/request/preparedRequest.js"
import { makeDefaults } from "../src/internal/request/sessionDefaults.js"
import { isWireError, toWire } from "../src/internal/request/wireRequest.js"
import { values, wire } from "./internal/request/support.js"

const url = "http://h/x"

const own = (request: ClientRequest.ClientRequest): PreparedRequest => {
  if (request instanceof PreparedRequest) return request
  throw new Error("not prepared")
}

describe("make", () => {
  it.effect("prepares a request", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("post", "http://u:p@H:80/a b#f", {
        headers: [
          ["X-A", "1"],
          ["x-a", "2"]
        ],
        json: { a: 1 },
        maxRedirects: 3
      })
      assert.isTrue(ClientRequest.isClientRequest(request))
      assert.isFalse(ClientRequest.isClientRequest({ [ClientRequest.TypeId]: ClientRequest.TypeId }))
      assert.strictEqual(request.method, "POST")
      assert.strictEqual(request.url, "http://h/a%20b")
      assert.deepStrictEqual(request.headers, [
        ["X-A", "1"],
        ["x-a", "2"]
      ])
      assert.deepStrictEqual(request.header("X-a"), Option.some("1"))
      assert.deepStrictEqual(request.header("none"), Option.none())
      assert.strictEqual(request.body._tag, "Uint8Array")
      assert.strictEqual(request.options.maxRedirects, 3)
      assert.strictEqual(request.hop, 0)
    })
  )
  it.effect("fails with a typed error for an invalid URL, method or body", () =>
    Effect.gen(function* () {
      const errors = yield* Effect.all([
        Effect.flip(ClientRequest.make("GET", "/relative")),
        Effect.flip(ClientRequest.make("G T", url)),
        Effect.flip(ClientRequest.make("POST", url, { json: 1n })),
        Effect.flip(ClientRequest.make("GET", "ws://h/"))
      ])
      assert.deepStrictEqual(
        errors.map((error) => error._tag),
        ["InvalidURL", "InvalidRequest", "RequestBodyError", "InvalidURL"]
      )
    })
  )
})

describe("edits of a request", () => {
  it.effect("set, add and remove headers in any case, and do not change the original request", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("GET", url, {
        headers: [
          ["A", "1"],
          ["B", "2"],
          ["a", "3"]
        ]
      })
      assert.deepStrictEqual(ClientRequest.setHeader(request, "a", "4").headers, [
        ["B", "2"],
        ["a", "4"]
      ])
      assert.deepStrictEqual(pipe(request, ClientRequest.appendHeader("b", "5")).headers, [
        ["A", "1"],
        ["B", "2"],
        ["a", "3"],
        ["b", "5"]
      ])
      assert.deepStrictEqual(request.pipe(ClientRequest.removeHeader("a")).headers, [["B", "2"]])
      assert.lengthOf(request.headers, 3)
    })
  )
  it.effect("send a redacted value and do not show it", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("GET", url)
      for (const changed of [
        ClientRequest.setHeader(request, "x-key", Redacted.make("s3cret")),
        ClientRequest.appendHeader(request, "x-key", Redacted.make("s3cret"))
      ]) {
        assert.deepStrictEqual(values(wire(own(changed)), "x-key"), ["s3cret"])
        for (const text of [
          String(changed),
          inspect(changed, { depth: 9 }),
          JSON.stringify(changed),
          ClientRequest.toCurl(changed),
          inspect(changed.options, { depth: 9 })
        ]) {
          assert.notInclude(text, "s3cret")
        }
      }
    })
  )
  it.effect("give an Authorization header precedence over auth", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("GET", url, { auth: Auth.bearer("old") })
      const changed = ClientRequest.setHeader(request, "authorization", Redacted.make("Bearer new"))
      assert.deepStrictEqual(values(wire(own(changed)), "authorization"), ["Bearer new"])
    })
  )
  it.effect("keep credentials within the origin in setUrl", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("GET", url, { auth: Auth.bearer("t"), headers: { cookie: "a=b" } })
      const home = own(ClientRequest.setUrl(request, "/y?z"))
      assert.strictEqual(home.url, "http://h/y?z")
      assert.deepStrictEqual(values(wire(home), "authorization"), ["Bearer t"])
      const away = own(request.pipe(ClientRequest.setUrl("https://mirror.example/")))
      assert.strictEqual(away.url, "https://mirror.example/")
      assert.deepStrictEqual([...values(wire(away), "authorization"), ...values(wire(away), "cookie")], [])
    })
  )
  it.effect("set Content-Type, Content-Length and Content-Encoding of the new body in setBody", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("POST", url, {
        data: "abc",
        headers: { "content-type": "a/b", "content-length": "3", "content-encoding": "gzip", "x-a": "1" }
      })
      const changed = wire(own(ClientRequest.setBody(request, { a: "1 2" })))
      assert.deepStrictEqual(values(changed, "content-type"), ["application/x-www-form-urlencoded"])
      assert.deepStrictEqual(values(changed, "content-length"), ["5"])
      assert.deepStrictEqual(values(changed, "content-encoding"), [])
      assert.deepStrictEqual(values(changed, "x-a"), ["1"])
      assert.isUndefined(wire(own(ClientRequest.setBody(request, HttpBody.empty))).body)
    })
  )
  it.effect("fail the request with the first fault if one of them cannot be sent", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("POST", url)
      const table = [
        [ClientRequest.setHeader(request, "x", "a\r\nb"), "InvalidRequest"],
        [ClientRequest.appendHeader(request, "x y", "a"), "InvalidRequest"],
        [ClientRequest.setUrl(request, "http://a..b/"), "InvalidURL"],
        [ClientRequest.setUrl(ClientRequest.setUrl(request, "ftp://x"), url), "InvalidURL"]
      ] as const
      for (const [changed, tag] of table) {
        const result = toWire(own(changed), undefined)
        assert.isTrue(isWireError(result))
        if (isWireError(result)) assert.strictEqual(result._tag, tag)
      }
    })
  )
})

describe("a request that a session adopts", () => {
  const session = makeDefaults({
    baseUrl: "http://h/",
    auth: Auth.bearer("session"),
    headers: { "x-session": "1", "x-a": "session" },
    timeout: "1 second"
  })
  it.effect("gets the defaults of the session where it sets nothing itself", () =>
    Effect.gen(function* () {
      const made = yield* ClientRequest.make("POST", url, {
        params: { a: "b" },
        headers: { "x-a": "own" },
        json: { a: 1 }
      })
      const changed = own(ClientRequest.setHeader(made, "x-later", "1"))
      const adopted = adopt(session, changed, { headers: { "x-option": "1" }, maxRedirects: 2 })
      assert.instanceOf(adopted, PreparedRequest)
      if (!(adopted instanceof PreparedRequest)) return
      const request = wire(adopted)
      assert.strictEqual(request.target, "/x?a=b")
      for (const [name, value] of [
        ["x-session", "1"],
        ["x-a", "own"],
        ["x-later", "1"],
        ["x-option", "1"],
        ["authorization", "Bearer session"],
        ["content-length", "7"]
      ] as const) {
        assert.deepStrictEqual(values(request, name), [value], name)
      }
      assert.strictEqual(adopted.limits.total, 1000)
      assert.strictEqual(adopted.maxRedirects, 2)
    })
  )
  it.effect("keeps its own settings, and gives options precedence over both", () =>
    Effect.gen(function* () {
      const mine = yield* ClientRequest.make("GET", url, {
        auth: Auth.bearer("mine"),
        timeout: "3 seconds",
        cookies: { a: "1" }
      })
      const kept = adopt(session, own(mine), undefined)
      const over = adopt(session, own(mine), {
        auth: Auth.bearer("option"),
        cookies: { b: "2" },
        timeout: "5 seconds",
        text: "t"
      })
      const none = adopt(session, own(mine), { auth: false })
      const other = adopt(session, own(yield* ClientRequest.make("GET", "http://evil/")), undefined)
      assert.isTrue([kept, over, none, other].every((request) => request instanceof PreparedRequest))
      if (
        !(
          kept instanceof PreparedRequest &&
          over instanceof PreparedRequest &&
          none instanceof PreparedRequest &&
          other instanceof PreparedRequest
        )
      )
        return
      assert.deepStrictEqual(values(wire(kept), "authorization"), ["Bearer mine"])
      assert.deepStrictEqual(values(wire(kept), "cookie"), ["a=1"])
      assert.strictEqual(kept.limits.total, 3000)
      assert.deepStrictEqual(values(wire(over), "authorization"), ["Bearer option"])
      assert.deepStrictEqual(values(wire(over), "cookie"), ["b=2"])
      assert.deepStrictEqual(values(wire(over), "content-length"), ["1"])
      assert.strictEqual(over.limits.total, 5000)
      assert.deepStrictEqual(values(wire(none), "authorization"), [])
      assert.deepStrictEqual(values(wire(other), "authorization"), [])
    })
  )
})

describe("toCurl", () => {
  it.effect("has a URL for log lines, without secrets", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("GET", "http://user:pass@h/items?page=2&access_token=s3cret")
      assert.strictEqual(request.url, "http://h/items?page=2&access_token=s3cret")
      assert.strictEqual(request.redactedUrl, "http://h/items?page=2&access_token=REDACTED")
    })
  )

  it.effect("prints a command that a shell can read, without secrets", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("POST", "http://u:hidden@h/it's?sig=hidden&a=$(id)", {
        headers: {
          "x-a": 'it\'s; `id` $HOME "q"',
          "x-empty": "",
          "x-key": Redacted.make("hidden"),
          cookie: "a=hidden"
        },
        cookies: { c: "hidden" },
        text: "@file 'x'\n$(id)"
      })
      const line = ClientRequest.toCurl(request)
      assert.notInclude(line, "hidden")
      const words = execFileSync("sh", ["-c", `printf '%s\\0' ${line}`])
        .toString()
        .split("\0")
      assert.deepStrictEqual(words.slice(0, 6), [
        "curl",
        "-X",
        "POST",
        "--globoff",
        "--path-as-is",
        "http://h/it's?sig=REDACTED&a=$(id)"
      ])
      assert.include(words, 'x-a: it\'s; `id` $HOME "q"')
      assert.include(words, "x-empty;")
      assert.strictEqual(words[words.indexOf("--data-raw") + 1], "@file 'x'\n$(id)")
      const head = yield* ClientRequest.make("HEAD", new URL("http://h/?a[b]={c,d}"))
      assert.match(ClientRequest.toCurl(head), /^curl --head --globoff --path-as-is '/)
      const stream = yield* ClientRequest.make("POST", url, { data: Stream.empty })
      assert.isTrue(ClientRequest.toCurl(stream).endsWith("--data-binary @-"))
      const binary = yield* ClientRequest.make("POST", url, { data: Uint8Array.of(0, 255) })
      assert.isTrue(ClientRequest.toCurl(binary).endsWith("--data-binary @-"))
    })
  )
})
