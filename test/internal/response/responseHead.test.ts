import { inspect } from "node:util"
import * as Cookies from "@effect/platform/Cookies"
import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import { parse as parseDisposition } from "../../../src/internal/http/contentDisposition.js"
import { parse as parseLinks } from "../../../src/internal/http/links.js"
import { cpuTime } from "../../support/time.js"
import { complete, make } from "./support.js"

const base = "https://api.example/items?page=2"

describe("a response head", () => {
  const { response } = make({
    status: 404,
    reason: "Not Found",
    url: "http://example.test/path",
    realUrl: "http://example.test/path#part",
    headers: [
      ["Content-Type", "Text/HTML; Charset=UTF-8"],
      ["Vary", "accept"],
      ["VARY", "cookie"],
      ["Content-Length", "12"],
      ["Set-Cookie", "a=1; Path=/"],
      ["set-cookie", "a=2"],
      ["set-cookie", "__proto__=evil"],
      ["__proto__", "x"],
      ["constructor", "y"]
    ]
  })

  it("has its fields", () => {
    assert.deepStrictEqual(
      [
        response.status,
        response.reason,
        response.version,
        response.ok,
        response.method,
        response.url,
        response.realUrl
      ],
      [404, "Not Found", "1.1", false, "GET", "http://example.test/path", "http://example.test/path#part"]
    )
    assert.deepStrictEqual(response.contentType, "text/html")
    assert.deepStrictEqual(response.charset, Option.some("UTF-8"))
    assert.deepStrictEqual(response.contentLength, Option.some(12))
  })

  it("builds each view of its headers once", () => {
    assert.strictEqual(response.headers.vary, "accept, cookie")
    assert.strictEqual(response.headers, response.headers)
    assert.deepStrictEqual(response.header("vary"), Option.some("accept"))
    assert.deepStrictEqual(response.header("X-None"), Option.none())
    assert.deepStrictEqual(response.headerValues("Vary"), ["accept", "cookie"])
    assert.deepStrictEqual(Buffer.from(response.rawHeaders[2]?.[0] ?? []).toString(), "VARY")
    assert.deepStrictEqual(Object.getOwnPropertyDescriptor(response.headers, "__proto__")?.value, "x")
    assert.strictEqual(Object.entries(response.headers).find(([name]) => name === "constructor")?.[1], "y")
  })

  it("has its own cookies, the last one of each name", () => {
    assert.deepStrictEqual(Cookies.getValue(response.cookies, "a"), Option.some("2"))
    assert.isUndefined(Reflect.get({}, "value"))
  })

  it("is ok below 400", () => {
    for (const [status, ok] of [
      [100, true],
      [204, true],
      [304, true],
      [399, true],
      [400, false],
      [500, false]
    ] as const) {
      assert.strictEqual(make({ status }).response.ok, ok)
    }
  })

  it("accepts only a valid Content-Length", () => {
    for (const value of ["", "-1", "+1", "1e3", "12, 12", "9".repeat(30)]) {
      assert.deepStrictEqual(make({ headers: [["content-length", value]] }).response.contentLength, Option.none())
    }
  })

  it("shows no secrets, and does not touch the body", () => {
    const secret = "s3cr3t"
    const made = make({
      url: `http://user:${secret}@example.test/?access_token=${secret}`,
      headers: [
        ["Set-Cookie", `sid=${secret}`],
        ["Authorization", secret],
        ["Location", `http://a:${secret}@b/`],
        ["Content-Type", "application/json"]
      ]
    })
    made.push('{"a":1}')
    made.end()
    for (const subject of [made.response, made.response.toHead()]) {
      for (const shown of [inspect(subject, { depth: 10 }), JSON.stringify(subject), String(subject)]) {
        assert.notInclude(shown, secret)
        assert.include(shown, "application/json")
      }
    }
    assert.isFalse(made.body.consumed)
  })

  it("does not keep the body in memory", () => {
    const made = make({ status: 302, headers: [["Location", "/x"]] })
    const head = made.response.toHead()
    assert.strictEqual(head.status, 302)
    assert.deepStrictEqual(head.header("location"), Option.some("/x"))
    assert.isFalse("text" in head)
    const reaches = (from: unknown, seen = new Set<unknown>()): boolean => {
      if (from === made.body) return true
      if (typeof from !== "object" || from === null || seen.has(from)) return false
      seen.add(from)
      return Object.values(from).some((value) => reaches(value, seen))
    }
    assert.isTrue(reaches(made.response))
    assert.isFalse(reaches(head))
  })
})

describe("links", () => {
  const rows: ReadonlyArray<readonly [values: ReadonlyArray<string>, expected: Record<string, string>]> = [
    [[], {}],
    [["<https://api.example/items?page=3>; rel=next"], { next: "https://api.example/items?page=3" }],
    [
      ['<?page=3>; rel="next", </last>; rel="last"'],
      { next: "https://api.example/items?page=3", last: "https://api.example/last" }
    ],
    [["</a>; rel=next", "</b>; rel=prev"], { next: "https://api.example/a", prev: "https://api.example/b" }],
    [['</a>; rel="next prev"'], { next: "https://api.example/a", prev: "https://api.example/a" }],
    [["</a>; rel=NEXT"], { next: "https://api.example/a" }],
    [["</a>; REL=next"], { next: "https://api.example/a" }],
    [["</a>;rel=next,</b>;rel=next"], { next: "https://api.example/a" }],
    [["</a>; rel=next; rel=prev"], { next: "https://api.example/a" }],
    [["</a>"], { "https://api.example/a": "https://api.example/a" }],
    [['</a>; rel=""'], { "https://api.example/a": "https://api.example/a" }],
    [
      ['</a,b;c>; title="x, <y>; rel=no"; rel=next, </d>; rel=d'],
      { next: "https://api.example/a,b;c", d: "https://api.example/d" }
    ],
    [['</a>; title="a \\" b"; rel=next'], { next: "https://api.example/a" }],
    [[" , ,</a> ; rel = next ; , </b>;rel=b,"], { next: "https://api.example/a", b: "https://api.example/b" }],
    [["garbage, </b>; rel=b"], { b: "https://api.example/b" }],
    [["</a; rel=next"], {}],
    [["<http://[>; rel=bad, </b>; rel=b"], { b: "https://api.example/b" }],
    [["<http://2130706433/>; rel=next, <//0x7f.1/>; rel=prev, </b>; rel=b"], { b: "https://api.example/b" }],
    [["<http://127.0.0.1/a>; rel=next"], { next: "http://127.0.0.1/a" }],
    [["</a>; rel"], { "https://api.example/a": "https://api.example/a" }],
    [['</a>; rel="next'], { next: "https://api.example/a" }],
    [["</a>; rel=__proto__"], { ["__proto__"]: "https://api.example/a" }]
  ]
  for (const [values, expected] of rows) {
    it(values.join(" | ") || "none", () => {
      const links = parseLinks(values, base)
      assert.deepStrictEqual(
        [...links].map(([rel, link]) => [rel, link.url]),
        Object.entries(expected)
      )
    })
  }

  it("have their parameters", () => {
    const link = parseLinks(
      [`</a>; rel=next; title="plain"; title*=UTF-8''%e2%82%ac; title*=UTF-8''second; __proto__=x; flag`],
      base
    ).get("next")
    assert.deepStrictEqual(Object.entries(link?.params ?? {}), [
      ["rel", "next"],
      ["title", "€"],
      ["__proto__", "x"],
      ["flag", ""]
    ])
    assert.deepStrictEqual(link?.rel, Option.some("next"))
  })

  it("are parsed in time proportional to their length", () => {
    const spent = cpuTime()
    parseLinks(
      [`<a>; rel=x${"; a".repeat(20_000)}${",".repeat(20_000)}${'"'.repeat(20_001)}${"<".repeat(20_000)}`],
      base
    )
    assert.isBelow(spent(), 1000)
  })

  it("are available from a response", () => {
    const { response } = make({ url: base, headers: [["Link", "<?page=3>; rel=next"]] })
    assert.strictEqual(response.links.get("next")?.url, "https://api.example/items?page=3")
  })
})

describe("Content-Disposition", () => {
  const rows: ReadonlyArray<readonly [value: string, type: string | undefined, filename?: string]> = [
    ["attachment", "attachment"],
    ["INLINE", "inline"],
    ['attachment; filename="a b.txt"', "attachment", "a b.txt"],
    ["attachment; filename=a.txt", "attachment", "a.txt"],
    ['attachment; FileName="a.txt"', "attachment", "a.txt"],
    ['attachment; filename="a\\"b.txt"', "attachment", 'a"b.txt'],
    ["attachment; filename*=UTF-8''%e2%82%ac%20rates", "attachment", "€ rates"],
    [`attachment; filename="plain"; filename*=UTF-8''%e2%82%ac`, "attachment", "€"],
    [`attachment; filename*=UTF-8''%e2%82%ac; filename="plain"`, "attachment", "€"],
    ["attachment; filename*=iso-8859-1'en'%A3", "attachment", "£"],
    ['attachment; filename="plain"; filename*=nonsense', "attachment", "plain"],
    ['form-data; name="field"; filename="x"', "form-data", "x"],
    ['attachment; filename="unclosed', "attachment", "unclosed"],
    ["attachment; filename=a.txt; filename=b.txt", "attachment", "a.txt"],
    ["", undefined],
    ["; filename=a", undefined],
    ["in valid; filename=a", undefined],
    ["attachment; __proto__=x", "attachment"]
  ]
  for (const [value, type, filename] of rows) {
    it(value || "empty", () => {
      const parsed = parseDisposition(value)
      assert.strictEqual(Option.getOrUndefined(parsed)?.type, type)
      if (Option.isSome(parsed)) assert.deepStrictEqual(parsed.value.filename, Option.fromNullable(filename))
    })
  }

  it("is available from a response", () => {
    const response = complete("", { headers: [["content-disposition", "attachment; size=3"]] })
    const parsed = Option.getOrThrow(response.contentDisposition)
    assert.deepStrictEqual(Object.entries(parsed.parameters), [["size", "3"]])
    assert.deepStrictEqual(complete("").contentDisposition, Option.none())
  })
})
