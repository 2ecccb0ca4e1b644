/**
 * The storage model and the retrieval of RFC 6265bis, sections 5.4 to 5.8, one row for each rule: what the http-state
 * corpus does not ask.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, TestClock } from "effect"
import * as CookieJar from "effect-http-session/CookieJar"

const https = "https://www.example.com/"
const http = "http://www.example.com/"

/** Lines that are set, a second apart, each from a URL; then what is sent to each URL ("" for none). */
interface Row {
  readonly what: string
  readonly set: ReadonlyArray<readonly [line: string, url: string]>
  readonly sent: Readonly<Record<string, string>>
  readonly options?: CookieJar.CookieJarOptions
}

const check = ({ options, sent, set }: Row) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(Date.UTC(2026, 0, 1))
    const jar = yield* CookieJar.make(options)
    for (const [line, url] of set) {
      yield* jar.setCookies([line], url)
      yield* TestClock.adjust("1 second")
    }
    const got: Record<string, string> = {}
    for (const url of Object.keys(sent)) got[url] = Option.getOrElse(yield* jar.cookieHeader(url), () => "")
    assert.deepStrictEqual(got, { ...sent })
  })

const table = (name: string, rows: ReadonlyArray<Row>) =>
  describe(name, () => {
    for (const row of rows) it.effect(row.what, () => check(row))
  })

table("leave secure cookies alone", [
  {
    what: "http does not overwrite what https has set",
    set: [
      ["a=1; Secure", https],
      ["a=2", http]
    ],
    sent: { [https]: "a=1", [http]: "" }
  },
  {
    what: "nor remove it",
    set: [
      ["a=1; Secure", https],
      ["a=; Max-Age=0", http]
    ],
    sent: { [https]: "a=1" }
  },
  {
    what: "nor hide it by a longer path",
    set: [
      ["a=1; Secure; Path=/login", https],
      ["a=2; Path=/login/en", http]
    ],
    sent: { [`${https}login/en`]: "a=1" }
  },
  {
    what: "a path above is no overlay",
    set: [
      ["a=1; Secure; Path=/login", https],
      ["a=2; Path=/", http]
    ],
    sent: { [`${https}login`]: "a=1; a=2", [http]: "a=2" }
  },
  {
    what: "nor hide a domain's by a host's",
    set: [
      ["a=1; Secure; Domain=example.com", https],
      ["a=2", http]
    ],
    sent: { [https]: "a=1" }
  },
  {
    what: "nor hide a host's by a domain's",
    set: [
      ["a=1; Secure", https],
      ["a=2; Domain=example.com", http]
    ],
    sent: { [https]: "a=1", "http://example.com/": "" }
  },
  {
    what: "another host's of that name is another cookie",
    set: [
      ["a=1; Secure", https],
      ["a=2", "http://other.example.com/"]
    ],
    sent: { [https]: "a=1", "http://other.example.com/": "a=2" }
  },
  { what: "http cannot set Secure", set: [["a=1; Secure", http]], sent: { [https]: "", [http]: "" } },
  {
    what: "https overwrites as it likes",
    set: [
      ["a=1; Secure", https],
      ["a=2", https]
    ],
    sent: { [https]: "a=2", [http]: "a=2" }
  },
  {
    what: "an origin that counts as secure may",
    options: { treatAsSecureOrigin: "http://www.example.com" },
    set: [["a=1; Secure", http]],
    sent: { [http]: "a=1", [https]: "a=1", "http://www.example.com:81/": "" }
  }
])

const refused = (line: string, url = https): Row => ({
  what: `${JSON.stringify(line.slice(0, 60))} is refused`,
  set: [[line, url]],
  sent: { [url]: "" }
})

table("prefixes", [
  { what: "kept promises", set: [["__Secure-a=1; Secure; Path=/x", https]], sent: { [`${https}x`]: "__Secure-a=1" } },
  { what: "all of them", set: [["__Host-a=1; Secure; Path=/", https]], sent: { [https]: "__Host-a=1" } },
  {
    what: "an empty Domain is none",
    set: [["__Host-a=1; Secure; Path=/; Domain=", https]],
    sent: { [https]: "__Host-a=1" }
  },
  refused("__Secure-a=1"),
  refused("__SECURE-a=1"),
  refused("__secure-a=1"),
  refused("__Secure-a=1; Secure", http),
  refused("__Host-a=1; Path=/"),
  refused("__Host-a=1; Secure"),
  refused("__Host-a=1; Secure; Path=/x", `${https}x`),
  refused("__Host-a=1; Secure; Path=/; Domain=www.example.com"),
  refused("__hOsT-a=1; Secure; Path=/; Domain=example.com"),
  refused("__host-a=1; Path=/"),
  refused("=__Host-a=1; Secure; Path=/"),
  refused("=__secure-a; Secure"),
  refused("__Secure-a; Secure"),
  { what: "a name that only begins alike", set: [["__Host=1", https]], sent: { [https]: "__Host=1" } }
])

table("Domain", [
  {
    what: "none: the host alone",
    set: [["a=1", "https://example.com/"]],
    sent: { "https://example.com/": "a=1", [https]: "" }
  },
  {
    what: "of the host: its subdomains too",
    set: [["a=1; Domain=example.com", "https://example.com/"]],
    sent: {
      "https://example.com/": "a=1",
      [https]: "a=1",
      "https://a.b.example.com/": "a=1",
      "https://notexample.com/": ""
    }
  },
  { what: "of a parent", set: [["a=1; Domain=.Example.COM", https]], sent: { "https://other.example.com/": "a=1" } },
  { what: "the last counts", set: [["a=1; Domain=evil.test; Domain=example.com", https]], sent: { [https]: "a=1" } },
  {
    what: "an empty one is passed over, as the http-state corpus has it",
    set: [["a=1; Domain=example.com; Domain=", https]],
    sent: { [https]: "a=1", "https://example.com/": "a=1" }
  },
  refused("a=1; Domain=other.example.com"),
  refused("a=1; Domain=sub.www.example.com"),
  refused("a=1; Domain=ample.com"),
  refused("a=1; Domain=example.com."),
  refused("a=1; Domain=..example.com"),
  refused("a=1; Domain=example.com:443"),
  refused("a=1; Domain=com"),
  refused("a=1; Domain=co.uk", "https://www.example.co.uk/"),
  refused("a=1; Domain=github.io", "https://user.github.io/"),
  refused("a=1; Domain=s3.amazonaws.com", "https://bucket.s3.amazonaws.com/"),
  refused("a=1; Domain=ck", "https://a.b.ck/"),
  {
    what: "a public suffix of itself: the host alone",
    set: [["a=1; Domain=github.io", "https://github.io/"]],
    sent: { "https://github.io/": "a=1", "https://user.github.io/": "" }
  },
  {
    what: "an exception of the list of suffixes",
    set: [["a=1; Domain=www.ck", "https://www.ck/"]],
    sent: { "https://www.ck/": "a=1", "https://sub.www.ck/": "a=1" }
  },
  {
    what: "international, as U-labels and A-labels",
    set: [["a=1; Domain=xn--bcher-kva.example", "https://www.bücher.example/"]],
    sent: { "https://bücher.example/": "a=1", "https://xn--bcher-kva.example/": "a=1" }
  },
  {
    what: "an address: for unsafe jars, and for itself alone",
    options: { unsafe: true },
    set: [
      ["a=1", "http://127.0.0.1/"],
      ["b=1; Domain=127.0.0.1", "http://127.0.0.1/"],
      ["c=1; Domain=0.0.1", "http://127.0.0.1/"],
      ["d=1", "http://[::1]/"]
    ],
    sent: { "http://127.0.0.1/": "a=1; b=1", "http://[::1]/": "d=1", "http://10.0.0.1/": "" }
  },
  refused("a=1", "http://127.0.0.1/"),
  refused("a=1", "http://[::1]/")
])

table("Path", [
  {
    what: "by default up to the last slash",
    set: [["a=1", `${https}x/y/z`]],
    sent: { [`${https}x/y`]: "a=1", [`${https}x/y/`]: "a=1", [`${https}x/yz`]: "", [`${https}x`]: "" }
  },
  { what: "by default / for one segment", set: [["a=1", `${https}x`]], sent: { [https]: "a=1" } },
  {
    what: "that does not begin with a slash is the default",
    set: [["a=1; Path=x", `${https}p/q`]],
    sent: { [`${https}p/`]: "a=1", [https]: "" }
  },
  {
    what: "that is empty is the default",
    set: [["a=1; Path=", `${https}p/q`]],
    sent: { [`${https}p/`]: "a=1", [https]: "" }
  },
  {
    what: "matches whole segments",
    set: [["a=1; Path=/foo", https]],
    sent: {
      [`${https}foo`]: "a=1",
      [`${https}foo/bar`]: "a=1",
      [`${https}foo?q`]: "a=1",
      [`${https}foobar`]: "",
      [`${https}FOO`]: ""
    }
  },
  {
    what: "with a slash at its end",
    set: [["a=1; Path=/foo/", https]],
    sent: { [`${https}foo/`]: "a=1", [`${https}foo/bar`]: "a=1", [`${https}foo`]: "" }
  },
  {
    what: "need not be the request's own",
    set: [["a=1; Path=/other", `${https}x`]],
    sent: { [`${https}other`]: "a=1" }
  },
  { what: "the last counts", set: [["a=1; Path=/x; Path=/", https]], sent: { [https]: "a=1" } }
])

table("order and identity", [
  {
    what: "longer paths first, then the older",
    set: [
      ["a=1; Path=/", https],
      ["b=1; Path=/x", https],
      ["c=1; Path=/", https],
      ["d=1; Path=/x/y", https]
    ],
    sent: { [`${https}x/y`]: "d=1; b=1; a=1; c=1" }
  },
  {
    what: "a new value keeps the place",
    set: [
      ["a=1", https],
      ["b=1", https],
      ["a=2", https]
    ],
    sent: { [https]: "a=2; b=1" }
  },
  {
    what: "what was removed comes back as the youngest",
    set: [
      ["a=1", https],
      ["b=1", https],
      ["a=; Max-Age=0", https],
      ["a=2", https]
    ],
    sent: { [https]: "b=1; a=2" }
  },
  {
    what: "name, domain, path and being a host's own make a cookie",
    set: [
      ["a=1", https],
      ["a=2; Domain=www.example.com", https],
      ["A=3", https]
    ],
    sent: { [https]: "a=1; a=2; A=3" }
  },
  {
    what: "the port and the scheme do not",
    set: [
      ["a=1", "http://www.example.com:8080/"],
      ["a=2", https]
    ],
    sent: { "http://www.example.com:8080/": "a=2", [https]: "a=2" }
  }
])

table("time", [
  {
    what: "Max-Age before Expires",
    set: [["a=1; Max-Age=100; Expires=Thu, 01 Jan 1970 00:00:00 GMT", https]],
    sent: { [https]: "a=1" }
  },
  {
    what: "Max-Age before Expires, whatever the order",
    set: [["a=1; Expires=Fri, 01 Jan 2027 00:00:00 GMT; Max-Age=0", https]],
    sent: { [https]: "" }
  },
  { what: "Max-Age is over", set: [["a=1; Max-Age=1", https]], sent: { [https]: "" } },
  { what: "a negative Max-Age", set: [["a=1; Max-Age=-1", https]], sent: { [https]: "" } },
  { what: "a Max-Age that is no number", set: [["a=1; Max-Age=1x", https]], sent: { [https]: "a=1" } },
  { what: "a Max-Age with a plus", set: [["a=1; Max-Age=+0", https]], sent: { [https]: "a=1" } },
  { what: "a Max-Age that is empty", set: [["a=1; Max-Age=", https]], sent: { [https]: "a=1" } },
  { what: "a Max-Age beyond all numbers", set: [[`a=1; Max-Age=${"9".repeat(500)}`, https]], sent: { [https]: "a=1" } },
  { what: "the last Max-Age counts", set: [["a=1; Max-Age=0; Max-Age=100", https]], sent: { [https]: "a=1" } },
  { what: "an Expires that is no date", set: [["a=1; Expires=tomorrow", https]], sent: { [https]: "a=1" } },
  { what: "an Expires of 1601", set: [["a=1; Expires=Mon, 01 Jan 1601 00:00:00 GMT", https]], sent: { [https]: "" } }
])

table("names, values and sizes", [
  refused("a=\u0000; Path=/"),
  refused("a\u0001=1"),
  refused("a=1\u007f"),
  refused("a=1; Path=/\u0007"),
  refused("="),
  refused(""),
  refused(" = ; Path=/"),
  refused(`a=${"x".repeat(4096)}`),
  {
    what: "4096 octets of name and value",
    set: [[`a=${"x".repeat(4095)}`, https]],
    sent: { [https]: `a=${"x".repeat(4095)}` }
  },
  {
    what: "an attribute of more than 1024 octets is passed over",
    set: [[`a=1; Path=/${"x".repeat(1024)}`, https]],
    sent: { [https]: "a=1" }
  },
  { what: "a tab is no control character here", set: [["a=1\t2", https]], sent: { [https]: "a=1\t2" } },
  { what: "quotes, commas and spaces go back", set: [['a= "1, 2" ', https]], sent: { [https]: 'a="1, 2"' } },
  { what: "further equals signs are the value's", set: [["a=b=c==", https]], sent: { [https]: "a=b=c==" } },
  { what: "an empty value", set: [["a=", https]], sent: { [https]: "a=" } },
  {
    what: "attributes in any case, with space around",
    set: [["a=1 ;  sEcUrE ;\tPATH = / ; unknown=x", https]],
    sent: { [https]: "a=1", [http]: "" }
  },
  { what: "Secure with a value", set: [["a=1; Secure=false", https]], sent: { [https]: "a=1", [http]: "" } }
])
