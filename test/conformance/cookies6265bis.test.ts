/**
 * RFC 6265bis by rows: what is received from where, and what is then sent to where.
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
  /** Where lines come from that do not say. */
  readonly from?: string
  readonly received: ReadonlyArray<Line>
  /** Default `from`. */
  readonly to?: string
  /** "" for no header. */
  readonly sent: string
}

const https = "https://www.example.com/"
const http = "http://www.example.com/"
const long = (length: number): string => "x".repeat(length)

const parsing: ReadonlyArray<Row> = [
  { name: "values keep =, quotes, commas and inner space", received: [`a= "b=c, d" e `], sent: `a="b=c, d" e` },
  { name: "spaces and tabs around name and value go", received: ["\t a \t=\t b \t"], sent: "a=b" },
  { name: "a tab within a value stays", received: ["a=b\tc"], sent: "a=b\tc" },
  { name: "percent-encoding is left alone", received: ["a=%20%3B%00"], sent: "a=%20%3B%00" },
  { name: "a quoted semicolon ends the value all the same", received: ['a="b;c"'], sent: 'a="b' },
  { name: "an empty value is a value", received: ["a="], sent: "a=" },
  { name: "an unknown attribute is no cookie", received: ["a=b; Foo=bar; Version=1"], sent: "a=b" },
  { name: "attributes have any case", received: ["a=b; SECURE; pATH=/; MAX-age=9"], sent: "a=b" },
  { name: "octets beyond ASCII", received: ["ä=ö€"], sent: "ä=ö€" },
  { name: "__proto__ is a name", received: ["__proto__=evil", "constructor=1"], sent: "__proto__=evil; constructor=1" },
  { name: "a cookie without a name is dropped", received: ["a", "=b", "=", ";", "", " "], sent: "" },
  {
    name: "and kept where asked for, sent without =",
    options: { nameless: true },
    received: ["a", "b=c", "=", ""],
    sent: "a; b=c"
  },
  {
    name: "the last without a name replaces the one before",
    options: { nameless: true },
    received: ["a", "=b"],
    sent: "b"
  },
  ...["\x01", "\x08", "\n", "\x1f", "\x7f"].flatMap((control): ReadonlyArray<Row> => {
    const code = control.charCodeAt(0).toString(16)
    return [
      { name: `%x${code} in a value`, received: [`a=b${control}c`, "ok=1"], sent: "ok=1" },
      { name: `%x${code} in a name`, received: [`a${control}b=c`, "ok=1"], sent: "ok=1" },
      { name: `%x${code} in an attribute`, received: [`a=b; Path=/${control}`, "ok=1"], sent: "ok=1" }
    ]
  }),
  { name: "NUL in a name", received: ["a\x00b=c"], sent: "" },
  { name: "NUL in a path", received: ["a=b; Path=/\x00"], sent: "" },
  { name: "CR before attributes, which must not be lost", received: ["a=b\r; Secure"], sent: "" }
]

const sizes: ReadonlyArray<Row> = [
  { name: "4096 octets of name and value", received: [`n=${long(4095)}`], sent: `n=${long(4095)}` },
  { name: "4097 octets", received: [`n=${long(4096)}`], sent: "" },
  { name: "octets, not characters", received: [`n=${"€".repeat(1366)}`], sent: "" },
  { name: "4096 octets of a name", received: [`${long(4096)}=`], sent: `${long(4096)}=` },
  {
    name: "a path of 1025 octets is ignored, the one before stays",
    received: [`a=b; Path=/; Path=/${long(1024)}`],
    sent: "a=b"
  },
  { name: "a path of 1024 octets counts", received: [`a=b; Path=/${long(1023)}`], sent: "" },
  { name: "a domain of more than 1024 octets is ignored", received: [`a=b; Domain=${long(1025)}`], sent: "a=b" },
  {
    name: "a Max-Age of more than 1024 digits is ignored",
    received: [`a=b; Max-Age=-${"0".repeat(1023)}1`],
    sent: "a=b"
  },
  { name: "a Max-Age of 1024 counts", received: [`a=b; Max-Age=-${"0".repeat(1022)}1`], sent: "" }
]

const lifetimes: ReadonlyArray<Row> = [
  { name: "Max-Age 0 removes", received: ["a=b", "a=; Max-Age=0"], sent: "" },
  { name: "a negative Max-Age removes", received: ["a=b", "a=; Max-Age=-1"], sent: "" },
  { name: "Max-Age beats Expires", received: ["a=b; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], sent: "a=b" },
  { name: "in either order", received: ["a=b; Expires=Fri, 01 Jan 2999 00:00:00 GMT; Max-Age=0"], sent: "" },
  { name: "the epoch is in the past", received: ["a=b", "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], sent: "" },
  { name: "an Expires that is none is ignored", received: ["a=b; Expires=tomorrow"], sent: "a=b" },
  {
    name: "the last Expires that is one counts",
    received: ["a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=x"],
    sent: ""
  },
  ...["", "+5", "1.5", "1e3", "0x10", "-", " ", "five", "５"].map(
    (value): Row => ({
      name: `Max-Age=${JSON.stringify(value)} is ignored`,
      received: [`a=b; Max-Age=${value}; Expires=Thu, 01 Jan 1970 00:00:00 GMT`],
      sent: ""
    })
  ),
  { name: "removed and set again", received: ["a=b", "a=; Max-Age=0", "a=c"], sent: "a=c" },
  { name: "a session cookie over one with a date has none", received: ["a=b; Max-Age=9", "a=c"], sent: "a=c" }
]

const domains: ReadonlyArray<Row> = [
  { name: "no domain: the host alone", received: ["a=b"], to: "https://x.www.example.com/", sent: "" },
  { name: "no domain: not its parent", received: ["a=b"], to: "https://example.com/", sent: "" },
  { name: "a parent's domain", received: ["a=b; Domain=example.com"], to: "https://x.example.com/", sent: "a=b" },
  { name: "one leading dot", received: ["a=b; Domain=.example.com"], to: "https://example.com/", sent: "a=b" },
  { name: "two leading dots", received: ["a=b; Domain=..example.com"], sent: "" },
  { name: "any case", received: ["a=b; Domain=EXAMPLE.com"], to: "https://x.example.com/", sent: "a=b" },
  { name: "a subdomain's domain", received: ["a=b; Domain=x.www.example.com"], sent: "" },
  { name: "a sibling's domain", received: ["a=b; Domain=api.example.com"], sent: "" },
  { name: "labels, not letters", received: ["a=b; Domain=ample.com"], sent: "" },
  {
    name: "nor the other way",
    from: "https://example.com/",
    received: ["a=b; Domain=example.com"],
    to: "https://badexample.com/",
    sent: ""
  },
  { name: "the last domain counts", received: ["a=b; Domain=example.com; Domain=example.org"], sent: "" },
  { name: "an empty domain is ignored", received: ["a=b; Domain="], sent: "a=b" },
  { name: "a dot is no domain", received: ["a=b; Domain=."], sent: "a=b" },
  { name: "and so the host's alone", received: ["a=b; Domain=."], to: "https://x.www.example.com/", sent: "" },
  { name: "a domain that ends in a dot is another", received: ["a=b; Domain=example.com."], sent: "" },
  { name: "a host that ends in a dot is another", received: ["a=b"], to: "https://www.example.com./", sent: "" },
  { name: "its own domain", from: "https://www.example.com./", received: ["a=b; Domain=example.com."], sent: "a=b" },
  { name: "no public suffix by a dot", from: "https://www.example.com./", received: ["a=b; Domain=com."], sent: "" },
  { name: "no octets beyond ASCII", from: "https://éé.com/", received: ["a=b; Domain=éé.com"], sent: "" },
  {
    name: "A-labels",
    from: "https://éé.com/",
    received: ["a=b; Domain=xn--9caa.com"],
    to: "https://x.xn--9caa.com/",
    sent: "a=b"
  },
  { name: "a port matters to nobody", received: ["a=b"], to: "https://www.example.com:8443/", sent: "a=b" },
  ...["com", "co.UK", ".com", "github.io", "s3.amazonaws.com", "ck", "xn--p1ai"].map(
    (suffix): Row => ({
      name: `${suffix} is nobody's`,
      from: `https://me.${suffix.replace(/^\./, "").toLowerCase()}/`,
      received: [`a=b; Domain=${suffix}`],
      sent: ""
    })
  ),
  {
    name: "a suffix that is a host has its own",
    from: "https://github.io/",
    received: ["a=b; Domain=github.io"],
    sent: "a=b"
  },
  {
    name: "and its own alone",
    from: "https://github.io/",
    received: ["a=b; Domain=github.io"],
    to: "https://x.github.io/",
    sent: ""
  },
  {
    name: "an exception to a wildcard",
    from: "https://x.www.ck/",
    received: ["a=b; Domain=www.ck"],
    to: "https://www.ck/",
    sent: "a=b"
  },
  { name: "localhost has its own", from: "http://localhost/", received: ["a=b; Domain=localhost"], sent: "a=b" },
  {
    name: "localhost has no subdomains",
    from: "http://localhost/",
    received: ["a=b; Domain=localhost"],
    to: "http://x.localhost/",
    sent: ""
  }
]

const addresses: ReadonlyArray<Row> = [
  { name: "nothing from an IPv4 address", from: "http://127.0.0.1/", received: ["a=b"], sent: "" },
  { name: "in any notation", from: "http://2130706433/", received: ["a=b"], sent: "" },
  { name: "nothing from an IPv6 address", from: "http://[::1]/", received: ["a=b"], sent: "" },
  {
    name: "unless unsafe",
    options: { unsafe: true },
    from: "http://127.0.0.1:1/",
    received: ["a=b"],
    to: "http://127.1:2/",
    sent: "a=b"
  },
  {
    name: "IPv6 likewise",
    options: { unsafe: true },
    from: "http://[::1]/",
    received: ["a=b"],
    to: "http://[0:0::1]/",
    sent: "a=b"
  },
  {
    name: "an address's domain is itself",
    options: { unsafe: true },
    from: "http://127.0.0.1/",
    received: ["a=b; Domain=127.0.0.1"],
    sent: "a=b"
  },
  {
    name: "and no part of it",
    options: { unsafe: true },
    from: "http://127.0.0.1/",
    received: ["a=b; Domain=0.0.1"],
    sent: ""
  },
  {
    name: "an address is no domain of a name",
    options: { unsafe: true },
    from: "http://x.127.0.0.1.example.com/",
    received: ["a=b; Domain=127.0.0.1"],
    to: "http://127.0.0.1/",
    sent: ""
  }
]

const paths: ReadonlyArray<Row> = [
  { name: "default path, itself", from: "https://e.com/a/b", received: ["a=b"], to: "https://e.com/a", sent: "a=b" },
  { name: "default path, beside", from: "https://e.com/a/b", received: ["a=b"], to: "https://e.com/ab", sent: "" },
  {
    name: "default path of one segment",
    from: "https://e.com/a",
    received: ["a=b"],
    to: "https://e.com/",
    sent: "a=b"
  },
  {
    name: "a path that does not begin with a slash",
    from: "https://e.com/a/b",
    received: ["a=b; Path=x"],
    to: "https://e.com/a/",
    sent: "a=b"
  },
  {
    name: "the last path, though empty",
    from: "https://e.com/a/b",
    received: ["a=b; Path=/; Path="],
    to: "https://e.com/",
    sent: ""
  },
  { name: "whole segments", received: ["a=b; Path=/foo"], to: "https://www.example.com/foobar", sent: "" },
  { name: "below", received: ["a=b; Path=/foo"], to: "https://www.example.com/foo/bar", sent: "a=b" },
  { name: "case matters", received: ["a=b; Path=/foo"], to: "https://www.example.com/FOO", sent: "" },
  { name: "a final slash is part of it", received: ["a=b; Path=/foo/"], to: "https://www.example.com/foo", sent: "" },
  {
    name: "the query is not part of it",
    received: ["a=b; Path=/foo"],
    to: "https://www.example.com/foo?x",
    sent: "a=b"
  },
  {
    name: "dot segments are gone first",
    received: ["a=b; Path=/foo"],
    to: "https://www.example.com/foo/../bar",
    sent: ""
  },
  { name: "an encoded space is one", received: ["a=b; Path=/a%20b"], to: "https://www.example.com/a b/c", sent: "a=b" },
  { name: "a space is none", received: ["a=b; Path=/a b"], to: "https://www.example.com/a%20b", sent: "" },
  {
    name: "encoded octets as they are",
    received: ["a=b; Path=/z%C2%B8"],
    to: "https://www.example.com/z%C2%B8",
    sent: "a=b"
  },
  {
    name: "an octet is not its encoding",
    received: ["a=b; Path=/z¸"],
    to: "https://www.example.com/z%C2%B8",
    sent: ""
  },
  { name: "an encoded slash is none", received: ["a=b; Path=/a"], to: "https://www.example.com/a%2Fb", sent: "" }
]

const secure: ReadonlyArray<Row> = [
  { name: "Secure from https", from: https, received: ["a=b; Secure"], sent: "a=b" },
  { name: "Secure from wss", from: "wss://www.example.com/", received: ["a=b; Secure"], to: https, sent: "a=b" },
  { name: "Secure not to http", received: ["a=b; Secure"], to: http, sent: "" },
  { name: "Secure not to ws", received: ["a=b; Secure"], to: "ws://www.example.com/", sent: "" },
  { name: "Secure not from http", from: http, received: ["a=b; Secure"], to: https, sent: "" },
  { name: "Secure from localhost", from: "http://localhost/", received: ["a=b; Secure"], sent: "a=b" },
  { name: "from any port of it", from: "http://localhost:3000/", received: ["a=b; Secure"], sent: "a=b" },
  {
    name: "to another port of it",
    from: "http://localhost:3000/",
    received: ["a=b; Secure"],
    to: "ws://localhost:8080/",
    sent: "a=b"
  },
  { name: "in capitals", from: "http://LOCALHOST/", received: ["a=b; Secure"], sent: "a=b" },
  { name: "with a final dot", from: "http://localhost./", received: ["a=b; Secure"], sent: "a=b" },
  { name: "from below localhost", from: "http://app.localhost/", received: ["a=b; Secure"], sent: "a=b" },
  { name: "from further below", from: "http://a.b.localhost:81/", received: ["a=b; Secure"], sent: "a=b" },
  {
    name: "a Domain below localhost",
    from: "http://a.b.localhost/",
    received: ["a=b; Secure; Domain=b.localhost"],
    to: "http://c.b.localhost/",
    sent: "a=b"
  },
  {
    name: "localhost replaces its own Secure cookie",
    from: "http://localhost/",
    received: ["a=1; Secure", "a=2"],
    sent: "a=2"
  },
  {
    name: "a prefix at localhost",
    from: "http://localhost/",
    received: ["__Host-a=b; Secure; Path=/"],
    sent: "__Host-a=b"
  },
  { name: "not from a host that ends like it", from: "http://notlocalhost/", received: ["a=b; Secure"], sent: "" },
  { name: "not from a host that begins like it", from: "http://localhost.com/", received: ["a=b; Secure"], sent: "" },
  {
    name: "a loopback address",
    options: { unsafe: true },
    from: "http://127.0.0.1/",
    received: ["a=b; Secure"],
    sent: "a=b"
  },
  { name: "another one", options: { unsafe: true }, from: "http://127.8.9.1/", received: ["a=b; Secure"], sent: "a=b" },
  { name: "that of IPv6", options: { unsafe: true }, from: "http://[::1]/", received: ["a=b; Secure"], sent: "a=b" },
  { name: "not in a strict jar", from: "http://127.0.0.1/", received: ["a=b; Secure"], sent: "" },
  {
    name: "no other address",
    options: { unsafe: true },
    from: "http://10.0.0.1/",
    received: ["a=b; Secure"],
    sent: ""
  },
  { name: "nor of IPv6", options: { unsafe: true }, from: "http://[::2]/", received: ["a=b; Secure"], sent: "" },
  {
    name: "http does not overwrite",
    received: [
      ["a=good; Secure", https],
      ["a=bad", http]
    ],
    to: https,
    sent: "a=good"
  },
  {
    name: "http does not remove",
    received: [
      ["a=good; Secure", https],
      ["a=bad; Max-Age=0", http]
    ],
    to: https,
    sent: "a=good"
  },
  {
    name: "http does not hide by a longer path",
    received: [
      ["a=good; Secure; Path=/x", https],
      ["a=bad; Path=/x/y", http]
    ],
    to: "https://www.example.com/x/y",
    sent: "a=good"
  },
  {
    name: "http may set a shorter path",
    received: [
      ["a=good; Secure; Path=/x", https],
      ["a=other; Path=/", http]
    ],
    to: "https://www.example.com/x/y",
    sent: "a=good; a=other"
  },
  {
    name: "http does not hide by a parent's domain",
    received: [
      ["a=good; Secure", https],
      ["a=bad; Domain=example.com", http]
    ],
    to: https,
    sent: "a=good"
  },
  {
    name: "http does not hide by a subdomain",
    received: [
      ["a=good; Secure; Domain=example.com", https],
      ["a=bad", "http://x.example.com/"]
    ],
    to: "https://x.example.com/",
    sent: "a=good"
  },
  {
    name: "http may set another name",
    received: [
      ["a=good; Secure", https],
      ["A=1", http]
    ],
    to: https,
    sent: "a=good; A=1"
  },
  { name: "https may overwrite", received: ["a=old; Secure", "a=new"], sent: "a=new" },
  {
    name: "a Secure cookie that has expired protects nothing",
    received: [
      ["a=1; Secure", https],
      ["a=2; Secure; Max-Age=0", https],
      ["a=3", http]
    ],
    to: http,
    sent: "a=3"
  },
  {
    name: "an origin treated as secure",
    options: { treatAsSecureOrigin: "http://dev.test:3000" },
    from: "http://dev.test:3000/",
    received: ["a=b; Secure"],
    sent: "a=b"
  },
  {
    name: "and another port is another origin",
    options: { treatAsSecureOrigin: ["http://dev.test:3000"] },
    from: "http://dev.test:3000/",
    received: ["a=b; Secure"],
    to: "http://dev.test:3001/",
    sent: ""
  },
  {
    name: "an https origin makes no http origin of its host secure",
    options: { treatAsSecureOrigin: ["https://dev.example"] },
    from: "http://dev.example/",
    received: ["a=b; Secure"],
    sent: ""
  },
  { name: "SameSite=None takes Secure", received: ["a=b; SameSite=None"], sent: "" },
  { name: "and has it here", received: ["a=b; SameSite=none; Secure"], sent: "a=b" }
]

const prefixes: ReadonlyArray<Row> = ["__Host-", "__host-", "__HOST-", "__hOsT-"].flatMap(
  (prefix): ReadonlyArray<Row> => [
    { name: `${prefix} kept`, received: [`${prefix}a=b; Secure; Path=/`], sent: `${prefix}a=b` },
    { name: `${prefix} without Secure`, received: [`${prefix}a=b; Path=/`], sent: "" },
    { name: `${prefix} without Path`, received: [`${prefix}a=b; Secure`], sent: "" },
    { name: `${prefix} with an empty Path`, received: [`${prefix}a=b; Secure; Path=`], sent: "" },
    {
      name: `${prefix} with another Path`,
      received: [`${prefix}a=b; Secure; Path=/x`],
      to: "https://www.example.com/x",
      sent: ""
    },
    { name: `${prefix} with a Domain`, received: [`${prefix}a=b; Secure; Path=/; Domain=www.example.com`], sent: "" },
    {
      name: `${prefix} with an empty Domain`,
      received: [`${prefix}a=b; Secure; Path=/; Domain=`],
      sent: `${prefix}a=b`
    },
    { name: `${prefix} from http`, from: http, received: [`${prefix}a=b; Secure; Path=/`], to: https, sent: "" },
    {
      name: `${prefix} as a value`,
      options: { nameless: true },
      received: [`=${prefix}a=b; Secure; Path=/`],
      sent: ""
    },
    {
      name: `${prefix} as a value without =`,
      options: { nameless: true },
      received: [`${prefix}a; Secure; Path=/`],
      sent: ""
    }
  ]
)

const securePrefixes: ReadonlyArray<Row> = ["__Secure-", "__secure-", "__SECURE-"].flatMap(
  (prefix): ReadonlyArray<Row> => [
    { name: `${prefix} kept`, received: [`${prefix}a=b; Secure; Domain=example.com; Path=/`], sent: `${prefix}a=b` },
    { name: `${prefix} without Secure`, received: [`${prefix}a=b`], sent: "" },
    { name: `${prefix} from http`, from: http, received: [`${prefix}a=b; Secure`], to: https, sent: "" },
    { name: `${prefix} as a value`, options: { nameless: true }, received: [`=${prefix}a=b; Secure`], sent: "" }
  ]
)

const orders: ReadonlyArray<Row> = [
  {
    name: "longer paths first",
    from: "https://e.com/a/b/c",
    received: ["x=1; Path=/", "y=2; Path=/a/b", "z=3; Path=/a"],
    sent: "y=2; z=3; x=1"
  },
  { name: "then earlier ones", received: ["b=1", "a=2", "c=3"], sent: "b=1; a=2; c=3" },
  { name: "a cookie set again keeps its place", received: ["a=1", "b=2", "a=3"], sent: "a=3; b=2" },
  { name: "one removed does not", received: ["a=1", "b=2", "a=; Max-Age=0", "a=3"], sent: "b=2; a=3" },
  {
    name: "one name, two scopes",
    received: ["a=1", "a=2; Domain=www.example.com", "a=3; Domain=example.com"],
    sent: "a=1; a=2; a=3"
  }
]

const groups = { parsing, sizes, lifetimes, domains, addresses, paths, secure, prefixes, securePrefixes, orders }

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
          const sent = yield* jar.cookieHeader(row.to ?? from)
          assert.strictEqual(
            Option.getOrElse(sent, () => ""),
            row.sent
          )
        })
      )
    }
  })
}
