import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { InvalidURL } from "../../../src/Errors.js"
import { hostFieldOf } from "../../../src/internal/http/origin.js"
import { parseTarget, referencesIn, resolveLocation, type Target } from "../../../src/internal/http/target.js"

const parsed = (input: string | URL, encoded = false, base?: Target): Target => {
  const target = parseTarget(input, encoded, base)
  if (target instanceof InvalidURL) throw new Error(`${target.url}: ${target.description}`)
  return target
}

const refused = (input: string | URL, encoded = false, base?: Target): InvalidURL => {
  const target = parseTarget(input, encoded, base)
  assert.instanceOf(target, InvalidURL, String(input))
  return target as InvalidURL
}

describe("parseTarget", () => {
  const canonical: ReadonlyArray<readonly [input: string, url: string]> = [
    ["http://h/get/test case", "http://h/get/test%20case"],
    ["http://h/get/test%20case", "http://h/get/test%20case"],
    ["http://h/get/test%2fcase", "http://h/get/test%2fcase"],
    ["http://h/get/:=+/%2B/", "http://h/get/:=+/%2B/"],
    ["http://h/%7Ea/%30", "http://h/%7Ea/%30"],
    ["http://h/%zz", "http://h/%zz"],
    ["http://h/%", "http://h/%"],
    ["http://h/é?ü=€", "http://h/%C3%A9?%C3%BC=%E2%82%AC"],
    ["http://EXAMPLE.com:80/a/./b/../c", "http://example.com/a/c"],
    ["https://example.com:443/..", "https://example.com/"],
    ["HTTP://h/a/%2e%2E/b", "http://h/b"],
    ["http://h", "http://h/"],
    ["http://h?a=b", "http://h/?a=b"],
    ["http://h#f", "http://h/"],
    ["http://h/a?b#c", "http://h/a?b"],
    ["http://nkim:1234@h/", "http://h/"],
    ["http://éé.com", "http://xn--9caa.com/"],
    ["http://h/a?b=c d", "http://h/a?b=c%20d"],
    ["http://h/a?b=c+d%20e", "http://h/a?b=c+d%20e"],
    ["http://h/~*!':@;,()$=&+?~*!':@;,()$?=", "http://h/~*!':@;,()$=&+?~*!%27:@;,()$?="],
    [" http://h/a ", "http://h/a"],
    ["\r\n\t http://h/a b\f\n", "http://h/a%20b"],
    ["http://h/a%2fb/%7e/%E9?%2B=%zz&x=a+b", "http://h/a%2fb/%7e/%E9?%2B=%zz&x=a+b"],
    ["http://h/a\\b/..\\c?d\\e", "http://h/a/c?d\\e"],
    ["http://h/?", "http://h/?"],
    ["http://h//a//b", "http://h//a//b"],
    ["http://h:8080/", "http://h:8080/"],
    ["http://h:/", "http://h/"],
    ["http://[::1]:99/x", "http://[::1]:99/x"],
    ["http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"],
    ["http://example.com./", "http://example.com./"],
    ["https://straße.de/", "https://xn--strae-oqa.de/"],
    ["http://a_b.example/", "http://a_b.example/"]
  ]
  for (const [input, url] of canonical) {
    it(`sends ${JSON.stringify(input)} as ${url}`, () => {
      assert.strictEqual(parsed(input).url, url)
    })
  }
  for (const url of new Set(canonical.map(([, url]) => url))) {
    it(`keeps ${JSON.stringify(url)} unchanged`, () => assert.strictEqual(parsed(url).url, url))
  }

  const bad: ReadonlyArray<readonly [input: string, reason: InvalidURL["reason"]]> = [
    // Missing or unsupported parts
    ["http://:/", "Host"],
    ["http://example.org:non_int_port/", "Host"],
    ["http:/", "Syntax"],
    ["http:///example.com", "Host"],
    ["call:+380123456789", "Scheme"],
    ["skype:handle", "Scheme"],
    ["slack://instance/room", "Scheme"],
    ["ftp://x", "Scheme"],
    ["file:///etc/passwd", "Scheme"],
    // Other spellings of IP addresses
    ["http://\u0080owhefopw.com", "Host"],
    ["http://2130706433/", "Host"],
    ["http://127.1/", "Host"],
    ["http://0x7f.1/", "Host"],
    ["http://017700000001/", "Host"],
    ["http://0177.0.0.1/", "Host"],
    ["http://127.0.0.1./", "Host"],
    ["http://1.2.3.4.5/", "Host"],
    ["http://256.0.0.1/", "Host"],
    ["http://a.0x1/", "Host"],
    ["http://１２７.０.０.１/", "Host"],
    ["http://⑫7.0.0.1/", "Host"],
    // Credentials that cannot be sent
    ["http://a%3Ab:c@h/", "Credentials"],
    ["http://a%0Ab@h/", "Credentials"],
    ["http://%ff@h/", "Credentials"],
    // Characters that URL parsers drop or treat differently
    ["http://a.com\\@b.com/", "Host"],
    ["http://a@b@c/", "Credentials"],
    ["http:evil", "Syntax"],
    ["http://a\tb/", "Syntax"],
    ["http://h/a\r\nb", "Syntax"],
    ["http://h/\0", "Syntax"],
    ["http://h/\x7f", "Syntax"],
    ["http://h/\ud800", "Syntax"],
    // Host names, ports and IPv6 addresses that are not valid
    ["http://xn--/", "Host"],
    ["http://a..b/", "Host"],
    ["http://.a/", "Host"],
    ["http://h../", "Host"],
    ["http://./", "Host"],
    [`http://${"a".repeat(64)}.com/`, "Host"],
    [`http://${"abcdefg.".repeat(31)}abcdef.com/`, "Host"],
    [`http://${"a".repeat(65536)}/`, "Host"],
    ["http://*.com/", "Host"],
    ["http://a b/", "Host"],
    ["http://a%41/", "Host"],
    ["http://h:0/", "Host"],
    ["http://h:65536/", "Host"],
    ["http://h:+80/", "Host"],
    ["http://[fe80::1%eth0]/", "Host"],
    ["http://[fe80::1%25]/", "Host"],
    ["http://[fe80::1%25eth0%0d%0aX]/", "Host"],
    ["http://[fe80::1%25eth0%00]/", "Host"],
    ["http://[fe80::1%25a%5Db]/", "Host"],
    ["http://[fe80::1%25a%2Fb]/", "Host"],
    ["http://[fe80::1%25a%25b]/", "Host"],
    ["http://[fe80::1%25%FF]/", "Host"],
    ["http://[fe80::1%25a b]/", "Host"],
    ["http://[%25eth0]/", "Host"],
    ["http://[1.2.3.4%25eth0]/", "Host"],
    ["http://1.2.3.4%25eth0/", "Host"],
    ["http://h%25eth0/", "Host"],
    ["http://[fe80::1%25eth0/", "Host"],
    ["http://[fe80::1]%25eth0/", "Host"],
    ["http://[::1/", "Host"],
    ["http://[]/", "Host"],
    ["http://::1/", "Host"],
    ["http://[::1]x/", "Host"],
    ["/path", "Relative"],
    ["", "Relative"],
    ["//h/", "Relative"],
    ["localhost:8080/path", "Scheme"],
    [" /path ", "Relative"],
    ["\ufeffhttp://h/", "Relative"],
    ["\u00a0http://h/", "Relative"]
  ]
  for (const [input, reason] of bad) {
    const shown = input.length > 60 ? `${input.slice(0, 60)}… of ${input.length} characters` : JSON.stringify(input)
    it(`refuses ${shown}: ${reason}`, () => {
      const error = refused(input)
      assert.strictEqual(error.reason, reason, error.description)
      assert.isUndefined(error.cause)
    })
    it(`refuses ${shown} with encoded: true`, () => {
      refused(input, true)
    })
  }

  it("shows no credentials in its errors", () => {
    for (const url of ["http://u:s3cret@a..b/", "http://u:s3cret@h:0/", "ftp://u:s3cret@h/", "http://u:s3/cret@h/"]) {
      const error = refused(url)
      const all = [error.message, String(error), JSON.stringify(error), error.url].join()
      assert.notInclude(all, "s3cret")
      assert.notInclude(all, "cret")
    }
  })

  it("decodes credentials", () => {
    assert.deepStrictEqual(parsed("http://nkim:1234@h/").userinfo, { user: "nkim", password: "1234" })
    assert.deepStrictEqual(parsed("http://:1234@h/").userinfo, { user: "", password: "1234" })
    assert.deepStrictEqual(parsed("http://user@h/").userinfo, { user: "user", password: "" })
    assert.deepStrictEqual(parsed("http://a%40b:c%3Ad%C3%A9@h/").userinfo, { user: "a@b", password: "c:dé" })
    assert.isUndefined(parsed("http://@h/").userinfo)
    assert.strictEqual(parsed("http://example.com:@evil.com/").origin.host, "evil.com")
  })

  it("reads the zone of an IPv6 address, which is in its URL and not in its Host header", () => {
    const rows: ReadonlyArray<readonly [url: string, zone: string, shown: string, hostField: string]> = [
      ["http://[fe80::1%25eth0]/x?y", "eth0", "http://[fe80::1%25eth0]/x?y", "[fe80::1]"],
      ["https://[FE80:0::1%25Eth0]:8443/", "Eth0", "https://[fe80::1%25Eth0]:8443/", "[fe80::1]:8443"],
      ["http://u:p@[fe80::1%25br-1.2]/", "br-1.2", "http://[fe80::1%25br-1.2]/", "[fe80::1]"],
      ["http://[fe80::1%25eth0%3A1]/", "eth0:1", "http://[fe80::1%25eth0%3A1]/", "[fe80::1]"],
      ["http://[fe80::1%251]:81/", "1", "http://[fe80::1%251]:81/", "[fe80::1]:81"],
      ["ws://[fe80::1%25e%74h0]/", "eth0", "http://[fe80::1%25eth0]/", "[fe80::1]"]
    ]
    for (const [url, zone, shown, hostField] of rows) {
      const { origin, shownUrl, url: own } = parsed(url)
      assert.deepStrictEqual(
        [origin.host, origin.ip, origin.zone, own, shownUrl, hostFieldOf(origin)],
        ["fe80::1", 6, zone, shown, shown, hostField]
      )
      // Other tests of the process may have emptied the cache of origins.
      assert.strictEqual(parsed(own).origin.key, origin.key)
      const base = parsed(url)
      assert.strictEqual(parsed("../z", false, base).origin, base.origin)
    }
    assert.notStrictEqual(parsed("http://[fe80::1%25a]/").origin.key, parsed("http://[fe80::1%25b]/").origin.key)
    assert.notStrictEqual(parsed("http://[fe80::1%25a]/").origin.key, parsed("http://[fe80::1]/").origin.key)
  })

  it("keeps the fragment only for the real URL", () => {
    const target = parsed("http://h/a?b#c d")
    assert.strictEqual(target.target, "/a?b")
    assert.strictEqual(target.realUrl, "http://h/a?b#c%20d")
  })

  it("sends an encoded string and a URL byte for byte", () => {
    const signed = "https://Bucket.example/k%7ey/../a%2fb?X-Sig=a%2Fb%2bc&d=+|^&e=%zz"
    assert.strictEqual(parsed(signed, true).target, "/k%7ey/../a%2fb?X-Sig=a%2Fb%2bc&d=+|^&e=%zz")
    assert.strictEqual(parsed(signed, true).origin.host, "bucket.example")
    const url = new URL("https://bucket.example/k%7ey?X-Sig=a%2Fb%2bc|#f")
    assert.strictEqual(parsed(url).url + url.hash, url.href)
    refused("http://h/a b", true)
    refused("http://h/é", true)
  })

  it("joins relative URLs with the base", () => {
    const base = parsed("http://h/sub/")
    const table: ReadonlyArray<readonly [string, string]> = [
      ["test?q=1#f", "http://h/sub/test?q=1"],
      ["/test", "http://h/test"],
      ["../x", "http://h/x"],
      ["", "http://h/sub/"],
      ["?q", "http://h/sub/?q"],
      ["#f", "http://h/sub/"],
      ["http://other/", "http://other/"],
      ["//other/x", "http://other/x"]
    ]
    for (const [input, url] of table) {
      assert.strictEqual(parsed(input, false, base).url, url, input)
      assert.strictEqual(parsed(input, false, base).url, new URL(input, base.url).href.replace(/#.*/, ""), input)
    }
    for (const input of ["\\\\evil", "/\\evil", "\\/evil", "///evil"]) refused(input, false, base)
  })

  it("returns one host for every spelling of a name, also the second time", () => {
    for (const _ of [1, 2]) {
      assert.strictEqual(parsed("http://H:80/a").origin, parsed("http://h/b").origin)
      assert.strictEqual(parsed("http://H:80/a").url, "http://h/a")
      assert.strictEqual(parsed("http://h/a/../b").url, "http://h/b")
      assert.isUndefined(parsed("http://h/a").userinfo)
      assert.strictEqual(parsed("http://u@h/a").userinfo?.user, "u")
    }
  })

  it("marks ws and wss", () => {
    assert.deepInclude(parsed("ws://h/x"), { websocket: true })
    assert.strictEqual(parsed("wss://h/x").origin.key, "https://h:443")
    assert.isFalse(parsed("http://h/x").websocket)
  })

  it("parses megabytes without blocking", () => {
    const long = `http://h/${"é".repeat(2 ** 20)}?${"%zz".repeat(2 ** 20)}`
    assert.isAbove(parsed(long).target.length, 8 * 2 ** 20)
    refused(`http://${"@".repeat(2 ** 20)}h/`)
    refused(`http://h${"\\".repeat(2 ** 20)}/`)
  })
})

describe("parseTarget compared with WHATWG", () => {
  const piece = fc.constantFrom(
    ...["a", "B", "é", ".", "-", "_", "%", "%41", "1", "127", "0x7f", "@", ":", "/", "\\", "?", "#", "[", "]"],
    ...["::1", " ", "\t", "\r\n", "xn--", "ß", "。", "１", "*", "com", "80", "\0", "\u00ad", "localhost"]
  )
  const urls = fc.tuple(fc.constantFrom("http://", "https://", "http:", "HTTP://"), fc.array(piece, { maxLength: 8 }))
  it("connects to the host of WHATWG or refuses the URL, and sends the same Host", () => {
    let taken = 0
    fc.assert(
      fc.property(urls, ([scheme, parts]) => {
        const text = scheme + parts.join("")
        const target = parseTarget(text, false)
        if (target instanceof InvalidURL) return
        taken++
        const url = new URL(text)
        const host = url.hostname.replace(/^\[|\]$/g, "")
        assert.strictEqual(target.origin.host, host, text)
        assert.strictEqual(target.origin.authority, url.host, text)
        assert.strictEqual(
          target.origin.port,
          url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port)
        )
        assert.match(target.target, /^\/[\x21-\x7e]*$/)
        assert.notInclude(target.target, "#")
      }),
      { numRuns: 20_000, seed: 7 }
    )
    assert.isAbove(taken, 1000)
  })
  const path = fc.array(
    fc.oneof(
      fc.constantFrom(..."aB0-._~!$'()*,;:@=&+/?\"<>[]{}|^`\\% #", "é", "€", "😀", "\u00ad", "//", "/."),
      fc.constantFrom("%2e", "%2E", "%2f", "%41", "%zz", "%", "%E9", "%C3%A9", "..", "./", " "),
      fc.string({ unit: "grapheme", maxLength: 3 })
    ),
    { maxLength: 12 }
  )
  it("sends the bytes of the URL with the same text", () => {
    let accepted = 0
    fc.assert(
      fc.property(fc.constantFrom("", " ", "\n"), path, fc.constantFrom("", " ", "\t"), (before, parts, after) => {
        const text = `${before}http://h/${parts.join("")}${after}`
        const target = parseTarget(text, false)
        if (target instanceof InvalidURL) return
        accepted++
        const url = new URL(text)
        const given = parsed(url)
        assert.deepStrictEqual([target.target, target.realUrl], [given.target, given.realUrl], text)
        assert.strictEqual(target.realUrl, url.href)
      }),
      { numRuns: 20_000, seed: 11 }
    )
    assert.isAbove(accepted, 10_000)
  })
  it("resolves a relative reference like the class URL", () => {
    const base = parsed("http://h/a/b?c")
    fc.assert(
      fc.property(path, (parts) => {
        const text = parts.join("")
        const target = parseTarget(text, false, base)
        // Skips references with a scheme or an authority.
        if (target instanceof InvalidURL || target.origin.host !== "h") return
        assert.strictEqual(target.realUrl, new URL(text, base.url).href, JSON.stringify(text))
      }),
      { numRuns: 20_000, seed: 12 }
    )
  })
  it("is idempotent, and keeps decoded characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 30 }), (path) => {
        const target = parseTarget(`http://h/${path}`, false)
        if (target instanceof InvalidURL) return
        assert.strictEqual(parsed(target.url).url, target.url)
        assert.strictEqual(parsed(target.url, true).url, target.url)
      }),
      { numRuns: 3000, seed: 7 }
    )
  })
})

describe("resolveLocation", () => {
  const base = parsed("http://u:p@h/a/b?c#frag")
  const follow = (location: string, requote = false) => resolveLocation(location, base, requote)
  const table: ReadonlyArray<readonly [location: string, realUrl: string]> = [
    ["/x", "http://h/x#frag"],
    ["x#new", "http://h/a/x#new"],
    ["?q", "http://h/a/b?q#frag"],
    ["//B", "http://b/#frag"],
    ["\\\\B", "http://b/#frag"],
    ["/\\B", "http://b/#frag"],
    ["http:x", "http://h/a/x#frag"],
    ["https://B/%7e b?c d", "https://b/%7e%20b?c%20d#frag"],
    ["/é", "http://h/%C3%A9#frag"],
    ["/%zz", "http://h/%zz#frag"],
    ["/a b?c d", "http://h/a%20b?c%20d#frag"],
    ["/%2f%7E%e9", "http://h/%2f%7E%e9#frag"],
    [" /x\t", "http://h/x#frag"],
    ["\\x", "http://h/x#frag"],
    ["http://B:80/", "http://b/#frag"]
  ]
  for (const [location, realUrl] of table) {
    it(`resolves ${location} to ${realUrl}`, () => {
      const target = follow(location)
      assert.isFalse(target instanceof InvalidURL)
      if (!(target instanceof InvalidURL)) assert.strictEqual(target.realUrl, realUrl)
    })
  }
  for (const location of [
    "file:///etc/passwd",
    "data:text/plain,x",
    "javascript:alert(1)",
    "ftp://x/",
    "unix:/run/docker.sock",
    "http+unix://x",
    "http://",
    "http:////",
    "http:///host/x",
    "http:///host",
    "http:/host",
    "HTTPS:/host",
    "http:\\host",
    "http:/\\/host",
    " http:///host/x ",
    "///host/x",
    "\\/\\host",
    "http://a..b/",
    "http://*.com/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://h:0/",
    "http://[::1%25.example.com]/",
    "\ud800"
  ]) {
    it(`refuses ${JSON.stringify(location)}`, () => {
      const error = follow(location)
      assert.instanceOf(error, InvalidURL)
      if (error instanceof InvalidURL) assert.isTrue(error.redirect)
    })
  }
  it("keeps credentials of the new URL only", () => {
    const relative = follow("/x")
    const other = follow("http://x:y@B/")
    assert.isFalse(relative instanceof InvalidURL || other instanceof InvalidURL)
    if (relative instanceof InvalidURL || other instanceof InvalidURL) return
    assert.isUndefined(relative.userinfo)
    assert.deepStrictEqual(other.userinfo, { user: "x", password: "y" })
    assert.strictEqual(other.url, "http://b/")
  })
  it("keeps the escapes of a relative path when it merges it", () => {
    for (const [location, target] of [
      ["../%7ex?../c=%2b", "/%7ex?../c=%2b"],
      ["./x/../%7e/.", "/a/%7e/"],
      ["/../../%7e", "/%7e"],
      ["?/../%7e", "/a/b?/../%7e"]
    ] as const) {
      const followed = follow(location)
      assert.strictEqual(followed instanceof InvalidURL ? followed : followed.target, target)
      const given = parseTarget(location, true, base)
      assert.strictEqual(given instanceof InvalidURL ? given : given.target, target)
    }
  })
  it("converts to aiohttp's canonical form with requote: true", () => {
    const target = follow("https://B/%7eb|%2f?c=%2b^ d", true)
    assert.isFalse(target instanceof InvalidURL)
    if (!(target instanceof InvalidURL)) assert.strictEqual(target.target, "/~b%7C%2F?c=%2B%5E%20d")
  })
  it("escapes each octet outside ASCII, in any encoding", () => {
    const octets = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"))
    const values = referencesIn(
      [
        [octets("Location"), octets("/caf\xe9")],
        [octets("X"), octets("/x")],
        [octets("LOCATION"), octets("/caf\xc3\xa9?\xff%e9")]
      ],
      "location"
    )
    assert.deepStrictEqual(values, ["/caf%E9", "/caf%C3%A9?%FF%e9"])
  })
  it("keeps the bytes without requote", () => {
    const target = follow("https://B/%7eb|?c=%2b^")
    assert.isFalse(target instanceof InvalidURL)
    if (!(target instanceof InvalidURL)) assert.strictEqual(target.target, "/%7eb|?c=%2b^")
  })
})
