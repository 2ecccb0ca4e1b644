import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { parseChallenges } from "../../../src/internal/http/challenge.js"
import { strongest } from "../../../src/internal/middleware/digest/digestChallenge.js"

const seed = 20261122

type Row = readonly [
  fields: ReadonlyArray<string>,
  expected: ReadonlyArray<readonly [scheme: string, params: Record<string, string> | string]>
]

describe("parseChallenges", () => {
  const rows: ReadonlyArray<Row> = [
    [[], []],
    [[""], []],
    [["Negotiate"], [["negotiate", {}]]],
    [["Basic realm=simple"], [["basic", { realm: "simple" }]]],
    [['Basic realm="a, b=c"'], [["basic", { realm: "a, b=c" }]]],
    [['BASIC REALM="x"'], [["basic", { realm: "x" }]]],
    [['Digest realm="a\\"b\\\\c"'], [["digest", { realm: 'a"b\\c' }]]],
    [['Digest realm = "x" ,\tnonce\t=\t"y"'], [["digest", { realm: "x", nonce: "y" }]]],
    [["Negotiate YWJj=="], [["negotiate", "YWJj=="]]],
    [
      ["Negotiate YWJj==, Basic realm=x"],
      [
        ["negotiate", "YWJj=="],
        ["basic", { realm: "x" }]
      ]
    ],
    // RFC 9110 section 11.6.1.
    [
      ['Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'],
      [
        ["basic", { realm: "simple" }],
        ["newauth", { realm: "apps", type: "1", title: 'Login to "apps"' }]
      ]
    ],
    [
      ['Newauth realm="apps", type=1, Basic realm="simple"'],
      [
        ["newauth", { realm: "apps", type: "1" }],
        ["basic", { realm: "simple" }]
      ]
    ],
    [
      ["Negotiate", 'Digest realm="x", nonce="y"'],
      [
        ["negotiate", {}],
        ["digest", { realm: "x", nonce: "y" }]
      ]
    ],
    [
      ["Negotiate, NTLM ,, Basic realm=x ,"],
      [
        ["negotiate", {}],
        ["ntlm", {}],
        ["basic", { realm: "x" }]
      ]
    ],
    [['Digest , realm="x"'], [["digest", { realm: "x" }]]],
    // The first of two parameters with the same name applies.
    [['Digest realm="x", realm="y"'], [["digest", { realm: "x" }]]],
    [['Digest realm=""'], [["digest", { realm: "" }]]],
    // A parameter without a scheme is ignored.
    [['realm="x", Basic realm="y"'], [["basic", { realm: "y" }]]],
    [['"stray, Basic realm=a", Basic realm=b'], [["basic", { realm: "b" }]]]
  ]
  for (const [fields, expected] of rows) {
    it(JSON.stringify(fields), () => {
      const parsed = parseChallenges(fields).map(({ params, scheme, token68 }) => [
        scheme,
        token68 ?? Object.fromEntries(params)
      ])
      assert.deepStrictEqual(
        parsed,
        expected.map((entry) => [...entry])
      )
    })
  }

  it("terminates and never throws", () => {
    const text = fc.string({ unit: fc.constantFrom(...'Dig re=",\\ \t;ab') })
    fc.assert(
      fc.property(fc.array(text), (fields) => {
        parseChallenges(fields)
      }),
      { seed, numRuns: 2000 }
    )
  })

  it("returns the unquoted text of quoted values", () => {
    const value = fc.string({ unit: fc.constantFrom(...'ab", \\=/é') })
    fc.assert(
      fc.property(value, value, (realm, nonce) => {
        const quote = (text: string) => `"${text.replace(/[\\"]/g, "\\$&")}"`
        const [challenge] = parseChallenges([`Digest realm=${quote(realm)}, nonce=${quote(nonce)}, Basic realm=x`])
        assert.deepStrictEqual([...challenge!.params.values()], [realm, nonce])
      }),
      { seed }
    )
  })
})

describe("strongest", () => {
  const digest = (rest: string) => `Digest realm="r", nonce="n"${rest}`
  const rows: ReadonlyArray<readonly [ReadonlyArray<string>, string | undefined]> = [
    [[digest("")], "md5"],
    [[digest(", algorithm=MD5")], "md5"],
    [[digest(', algorithm="sha-256"')], "sha256"],
    [[digest(", algorithm=SHA-512-256-sess")], "sha512-256 session"],
    [[digest(", algorithm=SHA")], "sha1"],
    [[digest(", algorithm=SHA-512")], "sha512"],
    [[digest(", algorithm=MD5"), digest(", algorithm=SHA-256")], "sha256"],
    [[`${digest(", algorithm=SHA-512-256")}, ${digest(", algorithm=SHA-256")}, ${digest("")}`], "sha512-256"],
    [[`Basic realm="r", ${digest("")}`], "md5"],
    [[digest(", algorithm=SHA-256-sess"), digest(", algorithm=SHA-256")], "sha256 session"],
    [[digest(", algorithm=WHIRLPOOL")], undefined],
    [[digest(", algorithm=WHIRLPOOL"), digest("")], "md5"],
    [[digest(', qop="auth-conf"')], undefined],
    [[digest(', qop="auth-conf,auth"')], "md5"],
    [[digest(', qop=""')], "md5"],
    [['Digest nonce="n"'], undefined],
    [['Digest realm="r"'], undefined],
    [['Digest realm="r", nonce=""'], undefined],
    [['Digest realm="", nonce="n"'], "md5"],
    [['Basic realm="r"'], undefined],
    [[], undefined]
  ]
  for (const [fields, expected] of rows) {
    it(JSON.stringify(fields), () => {
      const best = strongest(fields)
      assert.strictEqual(best === undefined ? undefined : `${best.hash}${best.session ? " session" : ""}`, expected)
    })
  }
})
