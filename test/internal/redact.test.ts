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
  ["https://x/#/callback?code=c&state=s", "https://x/#/callback?code=REDACTED&state=s"],
  ["https://x/a;jsessionid=s/b;v=1?c=d", "https://x/a;jsessionid=REDACTED/b;v=1?c=d"],
  ["https://x/?a=1;token=t;u&b=2", "https://x/?a=1;token=REDACTED&b=2"],
  ["https://x/?next=/cb?code=c", "https://x/?next=/cb?code=REDACTED"],
  [
    "https://x/?next=https%3A%2F%2Fu%3Ap%40y%2F%3Ftoken%3Dt%26a%3D1&b=2",
    "https://x/?next=https%3A%2F%2Fy%2F%3Ftoken%3DREDACTED%26a%3D1&b=2"
  ],
  ["https://x/?mail=me%40example.com&time=12%3A30&b=a%3Db", "https://x/?mail=me%40example.com&time=12%3A30&b=a%3Db"],
  ["https://x/?oauth_signature=s&oauth_nonce=n", "https://x/?oauth_signature=REDACTED&oauth_nonce=n"],
  ["https://x/?user[password]=p&user%5Btoken%5D=t", "https://x/?user[password]=REDACTED&user%5Btoken%5D=REDACTED"],
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

  it("accepts more names", () => {
    assert.strictEqual(Redact.redactUrl("https://x/?Mine=1&b=2", ["mine"]), "https://x/?Mine=REDACTED&b=2")
    assert.strictEqual(Redact.redactUrl("https://x/?mine=1&b=2", new Set(["B"])), "https://x/?mine=1&b=REDACTED")
  })

  it("never throws, and shows no userinfo of a URL that the parser accepts", () => {
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

  it("takes time proportional to the length", () => {
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
    ["a // comment", "a // comment"],
    ["X-Auth-Token: abc\nX-Other: 1", "X-Auth-Token: REDACTED\nX-Other: 1"],
    ['{"x-other":"1","set-cookie":"a=b"}', '{"x-other":"1","set-cookie":REDACTED'],
    ["refresh_token=abc is too old, code=EPIPE", "refresh_token=REDACTED is too old, code=EPIPE"],
    ["GET /cb?code=abc&a=1 failed", "GET /cb?code=REDACTED&a=1 failed"],
    ['{"access_token":"a b","code":401,"pin": 1234}', '{"access_token":"REDACTED","code":401,"pin": "REDACTED"}'],
    ['got {"secret":"cut', 'got {"secret":"REDACTED"']
  ]
  for (const [text, expected] of rows) {
    it(JSON.stringify(text), () => {
      assert.strictEqual(Redact.redactText(text), expected)
    })
  }
})

describe("redactHead", () => {
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["HTTP/1.1 200 OK", "HTTP/1.1 200 OK"],
    ["X-Auth-Key: abc\\x01", "X-Auth-Key: REDACTED"],
    ["Set-Cookie : a=b", "Set-Cookie : REDACTED"],
    ["Location: https://user:pass", "Location: REDACTED"],
    ["HTTP/1.1 200 OK\r\nCookie: a\r\nA: b", "HTTP/1.1 200 OK\r\nCookie: REDACTED\r\nA: b"],
    ["A: b\\r\\nCookie: a", "A: b\\r\\nCookie: REDACTED"],
    ["X-Other: https://u:p@x/", "X-Other: https://x/"]
  ]
  for (const [text, expected] of rows) {
    it(JSON.stringify(text), () => {
      assert.strictEqual(Redact.redactHead(text), expected)
    })
  }
})

describe("redactBody", () => {
  const form = "application/x-www-form-urlencoded; charset=utf-8"
  const rows: ReadonlyArray<readonly [type: string, text: string, expected: string]> = [
    [form, "grant_type=password&password=p%26q&a=1", "grant_type=password&password=REDACTED&a=1"],
    [form, "code=c", "code=REDACTED"],
    ["application/json", '{"password":"p\\"q","a":1}', '{"password":"REDACTED","a":1}'],
    ["application/problem+json", '{"code":"E1","client_secret":"s', '{"code":"E1","client_secret":"REDACTED"'],
    ["application/x-ndjson", '{"token":1}\n{"token":null}', '{"token":"REDACTED"}\n{"token":"REDACTED"}'],
    ["application/json", '{"token":{"a":1},"keys":[1]}', '{"token":{"a":1},"keys":[1]}'],
    [
      "multipart/form-data; boundary=b",
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name="password"\r\n' +
        'Content-Type: text/plain\r\n\r\np\r\nq\r\n--b\r\nContent-Disposition: form-data; name="token"\r\n\r\ncut',
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name="password"\r\n' +
        'Content-Type: text/plain\r\n\r\nREDACTED\r\n--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nREDACTED'
    ],
    ["text/plain", "password=p", "password=p"]
  ]
  for (const [type, text, expected] of rows) {
    it(`${type}: ${JSON.stringify(text).slice(0, 60)}`, () => {
      assert.strictEqual(Redact.redactBody(text, type), expected)
    })
  }
})

describe("redactParams", () => {
  it("keeps order and names", () => {
    assert.deepStrictEqual(
      Redact.redactParams([
        ["sig", "s"],
        ["a", "1"],
        ["next", "/x?token=t"]
      ]),
      [
        ["sig", "REDACTED"],
        ["a", "1"],
        ["next", "/x?token=REDACTED"]
      ]
    )
  })
})

describe("printable", () => {
  it("removes all control characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => {
        assert.notMatch(Redact.printable(text), /[\x00-\x1f\x7f-\x9f\u202e]/)
      }),
      { seed: 42 }
    )
    assert.strictEqual(Redact.printable("a\r\nb"), "a\\x0d\\x0ab")
  })
})
