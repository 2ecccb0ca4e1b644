/**
 * Rows for RFC 6265bis, sections 5.4 to 5.8: a jar receives Set-Cookie lines from URLs and sends a Cookie header to URLs.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import type { CookieJarOptions } from "effect-http-session/CookieJar"
import * as CookieJar from "effect-http-session/CookieJar"

type Line = string | readonly [line: string, url: string]

interface Row {
  readonly name: string
  readonly options?: CookieJarOptions
  /** The URL of lines without a URL. */
  readonly from?: string
  readonly received: ReadonlyArray<Line>
  /** Seconds between the last line and the requests. Default 0. */
  readonly later?: number
  /** Default `from`. */
  readonly to?: string
  /** The header that is sent `to`, or headers by URL. "" means no header. */
  readonly sent: string | Readonly<Record<string, string>>
}

const https = "https://www.example.com/"
const http = "http://www.example.com/"
const long = (length: number): string => "x".repeat(length)

const parsing: ReadonlyArray<Row> = [
  { name: "values keep =, quotes, commas and inner spaces", received: [`a= "b=c, d" e `], sent: `a="b=c, d" e` },
  { name: "values keep trailing equals signs", received: ["a=b=c=="], sent: "a=b=c==" },
  { name: "spaces and tabs around name and value are removed", received: ["\t a \t=\t b \t"], sent: "a=b" },
  { name: "a tab within a value stays", received: ["a=b\tc"], sent: "a=b\tc" },
  { name: "percent-encoding is not decoded", received: ["a=%20%3B%00"], sent: "a=%20%3B%00" },
  { name: "a quoted semicolon ends the value", received: ['a="b;c"'], sent: 'a="b' },
  { name: "an empty value is kept", received: ["a="], sent: "a=" },
  { name: "unknown attributes are ignored", received: ["a=b; Foo=bar; Version=1"], sent: "a=b" },
  { name: "attribute names are case-insensitive", received: ["a=b; SECURE; pATH=/; MAX-age=9"], sent: "a=b" },
  {
    name: "spaces around attribute names and values are removed",
    received: ["a=1 ;  sEcUrE ;\tPATH = / ; unknown=x"],
    sent: { [https]: "a=1", [http]: "" }
  },
  { name: "characters beyond ASCII are kept", received: ["ä=ö€"], sent: "ä=ö€" },
  {
    name: "__proto__ and constructor are ordinary names",
    received: ["__proto__=evil", "constructor=1"],
    sent: "__proto__=evil; constructor=1"
  },
  {
    name: "a cookie without a name is dropped by default",
    received: ["a", "=b", "=", ";", "", " ", " = ; Path=/"],
    sent: ""
  },
  {
    name: "a cookie without a name is kept and sent without = if nameless is set",
    options: { nameless: true },
    received: ["a", "b=c", "=", ""],
    sent: "a; b=c"
  },
  {
    name: "a cookie without a name replaces the previous one without a name",
    options: { nameless: true },
    received: ["a", "=b"],
    sent: "b"
  },
  ...["\x01", "\x08", "\n", "\x1f", "\x7f"].flatMap((control): ReadonlyArray<Row> => {
    const code = control.charCodeAt(0).toString(16)
    return [
      { name: `%x${code} in a value drops the cookie`, received: [`a=b${control}c`, "ok=1"], sent: "ok=1" },
      { name: `%x${code} at the end of a value drops the cookie`, received: [`a=b${control}`, "ok=1"], sent: "ok=1" },
      { name: `%x${code} in a name drops the cookie`, received: [`a${control}b=c`, "ok=1"], sent: "ok=1" },
      { name: `%x${code} in an attribute drops the cookie`, received: [`a=b; Path=/${control}`, "ok=1"], sent: "ok=1" }
    ]
  }),
  { name: "NUL in a name drops the cookie", received: ["a\x00b=c"], sent: "" },
  { name: "NUL in a value drops the cookie", received: ["a=\x00; Path=/"], sent: "" },
  { name: "NUL in a path drops the cookie", received: ["a=b; Path=/\x00"], sent: "" },
  { name: "CR before an attribute drops the cookie", received: ["a=b\r; Secure"], sent: "" }
]

const sizes: ReadonlyArray<Row> = [
  {
    name: "a name and value of 4096 octets together are kept",
    received: [`n=${long(4095)}`],
    sent: `n=${long(4095)}`
  },
  { name: "a name and value of 4097 octets together are dropped", received: [`n=${long(4096)}`], sent: "" },
  { name: "the limit counts octets and not characters", received: [`n=${"€".repeat(1366)}`], sent: "" },
  { name: "a name of 4096 octets is kept", received: [`${long(4096)}=`], sent: `${long(4096)}=` },
  { name: "a path of 1025 octets is ignored", received: [`a=b; Path=/${long(1024)}`], sent: "a=b" },
  {
    name: "a path of 1025 octets does not replace the path before it",
    received: [`a=b; Path=/; Path=/${long(1024)}`],
    sent: "a=b"
  },
  { name: "a path of 1024 octets counts", received: [`a=b; Path=/${long(1023)}`], sent: "" },
  { name: "a domain of more than 1024 octets is ignored", received: [`a=b; Domain=${long(1025)}`], sent: "a=b" },
  {
    name: "a Max-Age of more than 1024 octets is ignored",
    received: [`a=b; Max-Age=-${"0".repeat(1023)}1`],
    sent: "a=b"
  },
  { name: "a Max-Age of 1024 octets counts", received: [`a=b; Max-Age=-${"0".repeat(1022)}1`], sent: "" },
  { name: "a Max-Age of 500 digits keeps the cookie", received: [`a=b; Max-Age=${"9".repeat(500)}`], sent: "a=b" }
]

const lifetimes: ReadonlyArray<Row> = [
  { name: "Max-Age 0 removes a cookie", received: ["a=b", "a=; Max-Age=0"], sent: "" },
  { name: "a negative Max-Age removes a cookie", received: ["a=b", "a=; Max-Age=-1"], sent: "" },
  { name: "a negative Max-Age stores no cookie", received: ["a=b; Max-Age=-1"], sent: "" },
  { name: "a cookie expires when its Max-Age is over", received: ["a=b; Max-Age=1"], later: 1, sent: "" },
  { name: "a cookie is sent until its Max-Age is over", received: ["a=b; Max-Age=2"], later: 1, sent: "a=b" },
  {
    name: "the last Max-Age counts",
    received: ["a=b; Max-Age=0; Max-Age=100"],
    sent: "a=b"
  },
  {
    name: "Max-Age before an Expires attribute wins over it",
    received: ["a=b; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
    sent: "a=b"
  },
  {
    name: "Max-Age after an Expires attribute wins over it",
    received: ["a=b; Expires=Fri, 01 Jan 2999 00:00:00 GMT; Max-Age=0"],
    sent: ""
  },
  {
    name: "an Expires in 1970 removes a cookie",
    received: ["a=b", "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
    sent: ""
  },
  {
    name: "an Expires in 1601 removes a cookie",
    received: ["a=b", "a=1; Expires=Mon, 01 Jan 1601 00:00:00 GMT"],
    sent: ""
  },
  { name: "an Expires that is not a date is ignored", received: ["a=b; Expires=tomorrow"], sent: "a=b" },
  {
    name: "the last Expires that is a date counts",
    received: ["a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=x"],
    sent: ""
  },
  ...["", "+0", "+5", "1.5", "1e3", "0x10", "-", " ", "1x", "five", "５"].flatMap((value): ReadonlyArray<Row> => {
    const shown = JSON.stringify(value)
    return [
      { name: `Max-Age=${shown} is ignored without Expires`, received: [`a=b; Max-Age=${value}`], sent: "a=b" },
      {
        name: `Max-Age=${shown} is ignored beside Expires`,
        received: [`a=b; Max-Age=${value}; Expires=Thu, 01 Jan 1970 00:00:00 GMT`],
        sent: ""
      }
    ]
  }),
  { name: "a removed cookie can be set again", received: ["a=b", "a=; Max-Age=0", "a=c"], sent: "a=c" },
  {
    name: "a session cookie that replaces a persistent one does not expire",
    received: ["a=b; Max-Age=9", "a=c"],
    later: 10,
    sent: "a=c"
  }
]

const domains: ReadonlyArray<Row> = [
  {
    name: "a cookie without Domain is sent to its host only",
    received: ["a=b"],
    sent: { [https]: "a=b", "https://x.www.example.com/": "", "https://example.com/": "" }
  },
  {
    name: "a Domain equal to the host includes its subdomains and nothing else",
    from: "https://example.com/",
    received: ["a=b; Domain=example.com"],
    sent: {
      "https://example.com/": "a=b",
      [https]: "a=b",
      "https://a.b.example.com/": "a=b",
      "https://notexample.com/": ""
    }
  },
  {
    name: "a parent Domain includes siblings of the host",
    received: ["a=b; Domain=example.com"],
    to: "https://x.example.com/",
    sent: "a=b"
  },
  {
    name: "one leading dot of Domain is ignored",
    received: ["a=b; Domain=.example.com"],
    to: "https://example.com/",
    sent: "a=b"
  },
  { name: "two leading dots of Domain drop the cookie", received: ["a=b; Domain=..example.com"], sent: "" },
  {
    name: "Domain is case-insensitive",
    received: ["a=b; Domain=.EXAMPLE.com"],
    to: "https://x.example.com/",
    sent: "a=b"
  },
  { name: "a subdomain as Domain drops the cookie", received: ["a=b; Domain=x.www.example.com"], sent: "" },
  { name: "a sibling as Domain drops the cookie", received: ["a=b; Domain=api.example.com"], sent: "" },
  { name: "a Domain that is a suffix of a label drops the cookie", received: ["a=b; Domain=ample.com"], sent: "" },
  { name: "a Domain with a port drops the cookie", received: ["a=b; Domain=example.com:443"], sent: "" },
  {
    name: "the last Domain counts, and drops the cookie if it does not match",
    received: ["a=b; Domain=example.com; Domain=example.org"],
    sent: ""
  },
  {
    name: "the last Domain counts, and keeps the cookie if it matches",
    received: ["a=b; Domain=evil.test; Domain=example.com"],
    sent: "a=b"
  },
  {
    name: "an empty Domain means the host only",
    received: ["a=b; Domain="],
    sent: { [https]: "a=b", "https://x.www.example.com/": "" }
  },
  {
    name: "an empty Domain does not replace the Domain before it",
    received: ["a=b; Domain=example.com; Domain="],
    sent: { [https]: "a=b", "https://example.com/": "a=b" }
  },
  {
    name: "a Domain of one dot means the host only",
    received: ["a=b; Domain=."],
    sent: { [https]: "a=b", "https://x.www.example.com/": "" }
  },
  {
    name: "a Domain that ends in a dot does not match the host without it",
    received: ["a=b; Domain=example.com."],
    sent: ""
  },
  {
    name: "a host that ends in a dot is another host",
    received: ["a=b"],
    to: "https://www.example.com./",
    sent: ""
  },
  {
    name: "a Domain that ends in a dot matches a host that does",
    from: "https://www.example.com./",
    received: ["a=b; Domain=example.com."],
    sent: "a=b"
  },
  {
    name: "a final dot does not turn a public suffix into a domain",
    from: "https://www.example.com./",
    received: ["a=b; Domain=com."],
    sent: ""
  },
  {
    name: "a Domain beyond ASCII drops the cookie",
    from: "https://éé.com/",
    received: ["a=b; Domain=éé.com"],
    sent: ""
  },
  {
    name: "a Domain of A-labels matches a host of U-labels",
    from: "https://éé.com/",
    received: ["a=b; Domain=xn--9caa.com"],
    sent: { "https://x.xn--9caa.com/": "a=b", "https://éé.com/": "a=b" }
  },
  {
    name: "a cookie is sent to every port of its host",
    received: ["a=b"],
    to: "https://www.example.com:8443/",
    sent: "a=b"
  },
  ...["com", "co.UK", ".com", "github.io", "s3.amazonaws.com", "ck", "xn--p1ai"].map(
    (suffix): Row => ({
      name: `the public suffix ${suffix} as Domain drops the cookie`,
      from: `https://me.${suffix.replace(/^\./, "").toLowerCase()}/`,
      received: [`a=b; Domain=${suffix}`],
      sent: ""
    })
  ),
  {
    name: "a wildcard of the public suffix list drops the cookie",
    from: "https://a.b.ck/",
    received: ["a=b; Domain=b.ck"],
    sent: ""
  },
  {
    name: "a public suffix that is the host itself means the host only",
    from: "https://github.io/",
    received: ["a=b; Domain=github.io"],
    sent: { "https://github.io/": "a=b", "https://x.github.io/": "" }
  },
  {
    name: "an exception of the public suffix list is a domain",
    from: "https://x.www.ck/",
    received: ["a=b; Domain=www.ck"],
    sent: { "https://www.ck/": "a=b", "https://sub.www.ck/": "a=b" }
  },
  {
    name: "localhost has cookies, its subdomains do not share them",
    from: "http://localhost/",
    received: ["a=b; Domain=localhost"],
    sent: { "http://localhost/": "a=b", "http://x.localhost/": "" }
  }
]

const addresses: ReadonlyArray<Row> = [
  {
    name: "a cookie from an IPv4 address is dropped by default",
    from: "http://127.0.0.1/",
    received: ["a=b"],
    sent: ""
  },
  {
    name: "a cookie from an IPv4 address in decimal notation is dropped by default",
    from: "http://2130706433/",
    received: ["a=b"],
    sent: ""
  },
  { name: "a cookie from an IPv6 address is dropped by default", from: "http://[::1]/", received: ["a=b"], sent: "" },
  {
    name: "an unsafe jar keeps cookies of an IPv4 address, whatever its notation and port",
    options: { unsafe: true },
    from: "http://127.0.0.1:1/",
    received: ["a=b"],
    sent: { "http://127.1:2/": "a=b", "http://10.0.0.1/": "", "http://[::1]/": "" }
  },
  {
    name: "an unsafe jar keeps cookies of an IPv6 address, whatever its notation",
    options: { unsafe: true },
    from: "http://[::1]/",
    received: ["a=b"],
    sent: { "http://[0:0::1]/": "a=b", "http://127.0.0.1/": "" }
  },
  {
    name: "an unsafe jar accepts an address as its own Domain",
    options: { unsafe: true },
    from: "http://127.0.0.1/",
    received: ["a=b; Domain=127.0.0.1"],
    sent: "a=b"
  },
  {
    name: "an unsafe jar refuses the end of an address as Domain",
    options: { unsafe: true },
    from: "http://127.0.0.1/",
    received: ["a=b; Domain=0.0.1"],
    sent: ""
  },
  {
    name: "an unsafe jar refuses an address as Domain of a host name",
    options: { unsafe: true },
    from: "http://x.127.0.0.1.example.com/",
    received: ["a=b; Domain=127.0.0.1"],
    to: "http://127.0.0.1/",
    sent: ""
  }
]

const paths: ReadonlyArray<Row> = [
  {
    name: "the default path ends before the last slash of the request's path",
    from: `${https}x/y/z`,
    received: ["a=b"],
    sent: { [`${https}x/y`]: "a=b", [`${https}x/y/`]: "a=b", [`${https}x/yz`]: "", [`${https}x`]: "" }
  },
  {
    name: "the default path of a request with one segment is /",
    from: `${https}x`,
    received: ["a=b"],
    to: https,
    sent: "a=b"
  },
  {
    name: "a Path that does not begin with a slash means the default path",
    from: `${https}p/q`,
    received: ["a=b; Path=x"],
    sent: { [`${https}p/`]: "a=b", [https]: "" }
  },
  {
    name: "an empty Path means the default path",
    from: `${https}p/q`,
    received: ["a=b; Path="],
    sent: { [`${https}p/`]: "a=b", [https]: "" }
  },
  {
    name: "the last Path counts, even if it is empty",
    from: `${https}p/q`,
    received: ["a=b; Path=/; Path="],
    sent: { [`${https}p/`]: "a=b", [https]: "" }
  },
  { name: "the last Path counts", received: ["a=b; Path=/x; Path=/"], sent: "a=b" },
  {
    name: "a Path need not match the path of the request that sets it",
    from: `${https}x`,
    received: ["a=b; Path=/other"],
    to: `${https}other`,
    sent: "a=b"
  },
  {
    name: "a Path matches whole segments, with any query, in its own case",
    received: ["a=b; Path=/foo"],
    sent: {
      [`${https}foo`]: "a=b",
      [`${https}foo/bar`]: "a=b",
      [`${https}foo?q`]: "a=b",
      [`${https}foobar`]: "",
      [`${https}FOO`]: ""
    }
  },
  {
    name: "a Path that ends in a slash does not match the path without it",
    received: ["a=b; Path=/foo/"],
    sent: { [`${https}foo/`]: "a=b", [`${https}foo/bar`]: "a=b", [`${https}foo`]: "" }
  },
  {
    name: "dot segments of a URL are resolved before its path is compared",
    received: ["a=b; Path=/foo"],
    to: `${https}foo/../bar`,
    sent: ""
  },
  {
    name: "a space of a URL is compared percent-encoded",
    received: ["a=b; Path=/a%20b"],
    to: `${https}a b/c`,
    sent: "a=b"
  },
  { name: "a space of a Path is not encoded", received: ["a=b; Path=/a b"], to: `${https}a%20b`, sent: "" },
  {
    name: "encoded octets of a Path are compared as they stand",
    received: ["a=b; Path=/z%C2%B8"],
    to: `${https}z%C2%B8`,
    sent: "a=b"
  },
  {
    name: "a raw octet of a Path differs from its encoding",
    received: ["a=b; Path=/z¸"],
    to: `${https}z%C2%B8`,
    sent: ""
  },
  {
    name: "an encoded slash does not end a segment",
    received: ["a=b; Path=/a"],
    to: `${https}a%2Fb`,
    sent: ""
  }
]

const secure: ReadonlyArray<Row> = [
  {
    name: "a Secure cookie from https is sent to https and wss only",
    received: ["a=b; Secure"],
    sent: { [https]: "a=b", "wss://www.example.com/": "a=b", [http]: "", "ws://www.example.com/": "" }
  },
  {
    name: "a Secure cookie from wss is kept",
    from: "wss://www.example.com/",
    received: ["a=b; Secure"],
    to: https,
    sent: "a=b"
  },
  { name: "Secure with a value counts", received: ["a=b; Secure=false"], sent: { [https]: "a=b", [http]: "" } },
  {
    name: "a Secure cookie from http is dropped",
    from: http,
    received: ["a=b; Secure"],
    sent: { [https]: "", [http]: "" }
  },
  {
    name: "a Secure cookie from http://localhost is sent to every port of localhost",
    from: "http://localhost:3000/",
    received: ["a=b; Secure"],
    sent: { "http://localhost:3000/": "a=b", "http://localhost/": "a=b", "ws://localhost:8080/": "a=b" }
  },
  {
    name: "localhost in capitals is trustworthy",
    from: "http://LOCALHOST/",
    received: ["a=b; Secure"],
    sent: "a=b"
  },
  {
    name: "localhost with a final dot is trustworthy",
    from: "http://localhost./",
    received: ["a=b; Secure"],
    sent: "a=b"
  },
  {
    name: "a subdomain of localhost is trustworthy",
    from: "http://app.localhost/",
    received: ["a=b; Secure"],
    sent: "a=b"
  },
  {
    name: "a subdomain of localhost at any depth and port is trustworthy",
    from: "http://a.b.localhost:81/",
    received: ["a=b; Secure"],
    sent: "a=b"
  },
  {
    name: "a Secure cookie with a Domain below localhost is sent to siblings of its host",
    from: "http://a.b.localhost/",
    received: ["a=b; Secure; Domain=b.localhost"],
    to: "http://c.b.localhost/",
    sent: "a=b"
  },
  {
    name: "localhost replaces its own Secure cookie over http",
    from: "http://localhost/",
    received: ["a=1; Secure", "a=2"],
    sent: "a=2"
  },
  {
    name: "localhost sets a cookie with the prefix __Host- over http",
    from: "http://localhost/",
    received: ["__Host-a=b; Secure; Path=/"],
    sent: "__Host-a=b"
  },
  {
    name: "a Secure cookie from http to a host whose name ends with localhost is dropped",
    from: "http://notlocalhost/",
    received: ["a=b; Secure"],
    sent: ""
  },
  {
    name: "a Secure cookie from http to a host whose name begins with localhost is dropped",
    from: "http://localhost.com/",
    received: ["a=b; Secure"],
    sent: ""
  },
  ...["127.0.0.1", "127.8.9.1", "[::1]"].flatMap((host): ReadonlyArray<Row> => {
    const from = `http://${host}/`
    return [
      {
        name: `the loopback address ${host} is trustworthy in an unsafe jar`,
        options: { unsafe: true },
        from,
        received: ["a=b; Secure"],
        sent: "a=b"
      },
      { name: `a strict jar drops a Secure cookie of ${host}`, from, received: ["a=b; Secure"], sent: "" }
    ]
  }),
  ...["10.0.0.1", "[::2]"].map(
    (host): Row => ({
      name: `an unsafe jar drops a Secure cookie from http to the address ${host}`,
      options: { unsafe: true },
      from: `http://${host}/`,
      received: ["a=b; Secure"],
      sent: ""
    })
  ),
  {
    name: "http does not overwrite a Secure cookie",
    received: [
      ["a=good; Secure", https],
      ["a=bad", http]
    ],
    sent: { [https]: "a=good", [http]: "" }
  },
  {
    name: "http does not remove a Secure cookie",
    received: [
      ["a=good; Secure", https],
      ["a=; Max-Age=0", http]
    ],
    sent: "a=good"
  },
  {
    name: "http does not hide a Secure cookie by a longer path",
    received: [
      ["a=good; Secure; Path=/x", https],
      ["a=bad; Path=/x/y", http]
    ],
    to: `${https}x/y`,
    sent: "a=good"
  },
  {
    name: "http may set a cookie of a shorter path beside a Secure one",
    received: [
      ["a=good; Secure; Path=/x", https],
      ["a=other; Path=/", http]
    ],
    sent: { [`${https}x/y`]: "a=good; a=other", [http]: "a=other" }
  },
  {
    name: "http does not hide a host's Secure cookie by a cookie of its domain",
    received: [
      ["a=good; Secure", https],
      ["a=bad; Domain=example.com", http]
    ],
    sent: { [https]: "a=good", "http://example.com/": "" }
  },
  {
    name: "http does not hide a domain's Secure cookie by a cookie of a host in it",
    received: [
      ["a=good; Secure; Domain=example.com", https],
      ["a=bad", http]
    ],
    sent: "a=good"
  },
  {
    name: "http may set a cookie of another name",
    received: [
      ["a=good; Secure", https],
      ["A=1", http]
    ],
    sent: "a=good; A=1"
  },
  {
    name: "http may set a cookie of another host",
    received: [
      ["a=good; Secure", https],
      ["a=2", "http://other.example.com/"]
    ],
    sent: { [https]: "a=good", "http://other.example.com/": "a=2" }
  },
  {
    name: "https may overwrite a Secure cookie",
    received: ["a=old; Secure", "a=new"],
    sent: { [https]: "a=new", [http]: "a=new" }
  },
  {
    name: "a Secure cookie that has expired does not restrict http",
    received: [
      ["a=1; Secure", https],
      ["a=2; Secure; Max-Age=0", https],
      ["a=3", http]
    ],
    to: http,
    sent: "a=3"
  },
  {
    name: "an origin of treatAsSecureOrigin sets and gets Secure cookies, another port does not",
    options: { treatAsSecureOrigin: "http://www.example.com" },
    from: http,
    received: ["a=b; Secure"],
    sent: { [http]: "a=b", [https]: "a=b", "http://www.example.com:81/": "" }
  },
  {
    name: "treatAsSecureOrigin accepts a list of origins with ports",
    options: { treatAsSecureOrigin: ["http://dev.test:3000"] },
    from: "http://dev.test:3000/",
    received: ["a=b; Secure"],
    sent: { "http://dev.test:3000/": "a=b", "http://dev.test:3001/": "" }
  },
  {
    name: "an https origin of treatAsSecureOrigin does not include the http origin of its host",
    options: { treatAsSecureOrigin: ["https://dev.example"] },
    from: "http://dev.example/",
    received: ["a=b; Secure"],
    sent: ""
  },
  { name: "SameSite=None without Secure drops the cookie", received: ["a=b; SameSite=None"], sent: "" },
  { name: "SameSite=None with Secure keeps the cookie", received: ["a=b; SameSite=none; Secure"], sent: "a=b" }
]

const prefixes: ReadonlyArray<Row> = ["__Host-", "__host-", "__HOST-", "__hOsT-"].flatMap(
  (prefix): ReadonlyArray<Row> => [
    {
      name: `${prefix} with Secure and Path=/ is kept`,
      received: [`${prefix}a=b; Secure; Path=/`],
      sent: `${prefix}a=b`
    },
    { name: `${prefix} without Secure is dropped`, received: [`${prefix}a=b; Path=/`], sent: "" },
    { name: `${prefix} without Path is dropped`, received: [`${prefix}a=b; Secure`], sent: "" },
    { name: `${prefix} with an empty Path is dropped`, received: [`${prefix}a=b; Secure; Path=`], sent: "" },
    {
      name: `${prefix} with another Path is dropped`,
      from: `${https}x`,
      received: [`${prefix}a=b; Secure; Path=/x`],
      sent: ""
    },
    {
      name: `${prefix} with the host as Domain is dropped`,
      received: [`${prefix}a=b; Secure; Path=/; Domain=www.example.com`],
      sent: ""
    },
    {
      name: `${prefix} with an empty Domain is kept`,
      received: [`${prefix}a=b; Secure; Path=/; Domain=`],
      sent: `${prefix}a=b`
    },
    {
      name: `${prefix} from http is dropped`,
      from: http,
      received: [`${prefix}a=b; Secure; Path=/`],
      to: https,
      sent: ""
    },
    ...[false, true].flatMap((nameless): ReadonlyArray<Row> => {
      const kind = nameless ? "in a jar that keeps cookies without names" : "in a jar by default"
      return [
        {
          name: `${prefix} at the start of a value without a name is dropped ${kind}`,
          options: { nameless },
          received: [`=${prefix}a=b; Secure; Path=/`],
          sent: ""
        },
        {
          name: `${prefix} at the start of a value without = is dropped ${kind}`,
          options: { nameless },
          received: [`${prefix}a; Secure; Path=/`],
          sent: ""
        }
      ]
    })
  ]
)

const securePrefixes: ReadonlyArray<Row> = ["__Secure-", "__secure-", "__SECURE-"].flatMap(
  (prefix): ReadonlyArray<Row> => [
    {
      name: `${prefix} with Secure, a Domain and a Path is kept`,
      received: [`${prefix}a=b; Secure; Domain=example.com; Path=/x`],
      to: `${https}x`,
      sent: `${prefix}a=b`
    },
    { name: `${prefix} without Secure is dropped`, received: [`${prefix}a=b`], sent: "" },
    { name: `${prefix} from http is dropped`, from: http, received: [`${prefix}a=b; Secure`], to: https, sent: "" },
    ...[false, true].flatMap((nameless): ReadonlyArray<Row> => {
      const kind = nameless ? "in a jar that keeps cookies without names" : "in a jar by default"
      return [
        {
          name: `${prefix} at the start of a value without a name is dropped ${kind}`,
          options: { nameless },
          received: [`=${prefix}a=b; Secure`],
          sent: ""
        },
        {
          name: `${prefix} at the start of a value without = is dropped ${kind}`,
          options: { nameless },
          received: [`${prefix}a; Secure`],
          sent: ""
        }
      ]
    })
  ]
)

const otherPrefixes: ReadonlyArray<Row> = [
  { name: "__Host without a hyphen is an ordinary name", received: ["__Host=1"], sent: "__Host=1" }
]

const orders: ReadonlyArray<Row> = [
  {
    name: "longer paths come first, then cookies set earlier",
    from: `${https}x/y`,
    received: ["a=1; Path=/", "b=1; Path=/x", "c=1; Path=/", "d=1; Path=/x/y"],
    sent: "d=1; b=1; a=1; c=1"
  },
  {
    name: "cookies of one path come in the order they were set",
    received: ["b=1", "a=2", "c=3"],
    sent: "b=1; a=2; c=3"
  },
  { name: "a cookie that is set again keeps its place", received: ["a=1", "b=2", "a=3"], sent: "a=3; b=2" },
  {
    name: "a cookie that is set again after its removal comes last",
    received: ["a=1", "b=2", "a=; Max-Age=0", "a=3"],
    sent: "b=2; a=3"
  },
  {
    name: "cookies of one name differ by domain and by being a host's own",
    received: ["a=1", "a=2; Domain=www.example.com", "a=3; Domain=example.com"],
    sent: "a=1; a=2; a=3"
  },
  { name: "names are case-sensitive", received: ["a=1", "A=3"], sent: "a=1; A=3" },
  {
    name: "port and scheme do not distinguish cookies",
    received: [
      ["a=1", "http://www.example.com:8080/"],
      ["a=2", https]
    ],
    sent: { "http://www.example.com:8080/": "a=2", [https]: "a=2" }
  }
]

const groups: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "parsing of Set-Cookie": parsing,
  "limits of size": sizes,
  "Max-Age and Expires": lifetimes,
  Domain: domains,
  "hosts that are IP addresses": addresses,
  Path: paths,
  Secure: secure,
  "the __Host- prefix": prefixes,
  "the __Secure- prefix": securePrefixes,
  "other names that begin with underscores": otherPrefixes,
  "order and identity": orders
}

for (const [group, rows] of Object.entries(groups)) {
  describe(group, () => {
    for (const row of rows) {
      it.effect(row.name, () =>
        Effect.gen(function* () {
          yield* TestClock.setTime(Date.UTC(2026, 0, 1))
          const jar = yield* CookieJar.make(row.options)
          const from = row.from ?? https
          for (const line of row.received) {
            yield* typeof line === "string" ? jar.setCookies([line], from) : jar.setCookies([line[0]], line[1])
          }
          yield* TestClock.adjust(1000 * (row.later ?? 0))
          const sent = typeof row.sent === "string" ? { [row.to ?? from]: row.sent } : { ...row.sent }
          const got: Record<string, string> = {}
          for (const url of Object.keys(sent)) got[url] = Option.getOrElse(yield* jar.cookieHeader(url), () => "")
          assert.deepStrictEqual(got, sent)
        })
      )
    }
  })
}
