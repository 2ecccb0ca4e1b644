import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Redact from "../../src/internal/redact.js"
import { cpuTime } from "../support/time.js"

const urls: ReadonlyArray<readonly [url: string, expected: string]> = [
  ["https://example.com/", "https://example.com/"],
  ["https://example.com/a@b?c=d@e#f@g", "https://example.com/a@b?c=d@e#f@g"],
  ["https://example.com/@scope/pkg", "https://example.com/@scope/pkg"],
  ["https://user:pw@example.com/", "https://example.com/"],
  ["https://user@example.com/", "https://example.com/"],
  ["https://:pw@example.com:8443/x", "https://example.com:8443/x"],
  ["https://a@b:c@example.com/", "https://example.com/"],
  ["HTTPS://user:pw@EXAMPLE.com", "HTTPS://EXAMPLE.com"],
  ["//user:pw@example.com/x", "//example.com/x"],
  ["\\\\user:pw@example.com\\x", "\\\\example.com\\x"],
  ["http:user:pw@example.com", "http:example.com"],
  ["http:/user:pw@example.com", "http:/example.com"],
  ["http:\\\\user:pw@example.com/", "http:\\\\example.com/"],
  ["  http://user:pw@example.com/", "  http://example.com/"],
  ["ht\ttp://us\ner:pw@example.com/", "http://example.com/"],
  ["http://user:p/w@example.com/", "http://example.com/"],
  ["http://user:p?w@example.com/", "http://example.com/"],
  ["http://user:p#w@example.com/", "http://example.com/"],
  ["http://[::1]:80/a@b", "http://[::1]:80/a@b"],
  ["socks5h://user:pw@proxy.test:1080", "socks5h://proxy.test:1080"],
  ["wss://user:pw@example.com/", "wss://example.com/"],
  ["/path?token=x&a=1", "/path?token=REDACTED&a=1"],
  ["?key=1", "?key=REDACTED"],
  ["https://x/?a=1&TOKEN=t", "https://x/?a=1&TOKEN=REDACTED"],
  ["https://x/?%74oken=t", "https://x/?%74oken=REDACTED"],
  ["https://x/?%zz=t&sig=a=b", "https://x/?%zz=t&sig=REDACTED"],
  ["https://x/?token", "https://x/?token"],
  ["https://x/?token=", "https://x/?token=REDACTED"],
  ["https://x/?tokens=1&keyword=2", "https://x/?tokens=1&keyword=2"],
  ["https://x/#access_token=t&state=s", "https://x/#access_token=REDACTED&state=s"],
  ["https://x/#section", "https://x/#section"],
  ["", ""]
]

const params = [
  "X-Amz-Signature",
  "X-Amz-Credential",
  "X-Amz-Security-Token",
  "AWSAccessKeyId",
  "Signature",
  "sig",
  "X-Goog-Signature",
  "token",
  "access_token",
  "refresh_token",
  "id_token",
  "api_key",
  "apikey",
  "key",
  "password",
  "secret",
  "client_secret",
  "code"
]

describe("redactUrl", () => {
  for (const [url, expected] of urls) {
    it(JSON.stringify(url), () => {
      assert.strictEqual(Redact.redactUrl(url), expected)
      assert.strictEqual(Redact.redactUrl(expected), expected)
    })
  }

  for (const name of params) {
    it(`?${name}=`, () => {
      assert.strictEqual(Redact.redactUrl(`https://x/?a=1&${name}=s3cr3t#f`), `https://x/?a=1&${name}=REDACTED#f`)
    })
  }

  it("takes more names", () => {
    assert.strictEqual(Redact.redactUrl("https://x/?Mine=1&b=2", ["mine"]), "https://x/?Mine=REDACTED&b=2")
    assert.strictEqual(Redact.redactUrl("https://x/?mine=1&b=2", new Set(["B"])), "https://x/?mine=1&b=REDACTED")
  })

  it("never throws, and shows no userinfo of what the URL parser accepts", () => {
    const part = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(..."ab1:%/?#[]@\\ \t\u00e9") })
    fc.assert(
      fc.property(
        fc.constantFrom("http://", "https://", "//", "http:", "HTTP:\\\\", " ws://", ""),
        part,
        part,
        fc.constantFrom("example.com", "[::1]", "127.0.0.1:80"),
        fc.constantFrom("", "/a", "?b=c", "#d"),
        (scheme, user, tail, host, rest) => {
          const url = `${scheme}${user}s3cr3t${tail}@${host}${rest}`
          const shown = Redact.redactUrl(url)
          if (!URL.canParse(url, "http://base.test/")) return
          const parsed = new URL(url, "http://base.test/")
          if (`${parsed.username}${parsed.password}`.includes("s3cr3t")) assert.notInclude(shown, "s3cr3t", url)
        }
      ),
      { seed: 42, numRuns: 3000 }
    )
  })

  it("takes time in proportion to the length", () => {
    const spent = cpuTime()
    Redact.redactUrl(`http://${"a:".repeat(200_000)}@x/?${"a=1&".repeat(100_000)}`)
    Redact.redactText(`${"http://a".repeat(50_000)} ${"bearer ".repeat(50_000)} ${"cookie ".repeat(50_000)}`)
    assert.isBelow(spent(), 2000)
  })
})

describe("redactHeaders", () => {
  it("keeps order and case, and shows no credential", () => {
    assert.deepStrictEqual(
      Redact.redactHeaders(
        [
          ["Accept", "*/*"],
          ["AUTHORIZATION", "Basic x"],
          ["Proxy-Authorization", "Basic x"],
          ["Cookie", "a=b"],
          ["Set-Cookie", "a=b"],
          ["X-Api-Key", "k"],
          ["Location", "https://u:p@x/?token=t"],
          ["X-Mine", "m"],
          ["accept", "text/html"]
        ],
        ["x-mine"]
      ),
      [
        ["Accept", "*/*"],
        ["AUTHORIZATION", "REDACTED"],
        ["Proxy-Authorization", "REDACTED"],
        ["Cookie", "REDACTED"],
        ["Set-Cookie", "REDACTED"],
        ["X-Api-Key", "REDACTED"],
        ["Location", "https://x/?token=REDACTED"],
        ["X-Mine", "REDACTED"],
        ["accept", "text/html"]
      ]
    )
  })
})

describe("redactText", () => {
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["plain text", "plain text"],
    ["GET https://u:p@x/?sig=1 failed", "GET https://x/?sig=REDACTED failed"],
    ["Authorization: Basic dXNlcjpwdw==", "Authorization: REDACTED"],
    ["sent bearer abcdefghijkl and more", "sent bearer REDACTED and more"],
    ["cookie: a=b\nnext", "cookie: REDACTED\nnext"],
    ['Basic realm="x" was asked for', 'Basic realm="x" was asked for'],
    ["a // comment", "a // comment"]
  ]
  for (const [text, expected] of rows) {
    it(JSON.stringify(text), () => {
      assert.strictEqual(Redact.redactText(text), expected)
    })
  }
})

describe("printable", () => {
  it("leaves no control character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => {
        assert.notMatch(Redact.printable(text), /[\x00-\x1f\x7f-\x9f\u202e]/)
      }),
      { seed: 42 }
    )
    assert.strictEqual(Redact.printable("a\r\nb"), "a\\x0d\\x0ab")
  })
})
