import { assert, describe, it } from "@effect/vitest"
import { answer, bodyHashOf, secretOf, type User } from "../../../../src/internal/middleware/digest/digestAnswer.js"
import { strongest } from "../../../../src/internal/middleware/digest/digestChallenge.js"

const mufasa: User = { name: "Mufasa", password: "Circle of Life", encoding: "utf-8" }

/** The parameters of an answer to a challenge. */
const answered = (
  challenge: string,
  user: User,
  more: {
    readonly method?: string
    readonly uri?: string
    readonly cnonce?: string
    readonly count?: number
    readonly qop?: "auth" | "auth-int" | undefined
    readonly body?: string
  }
) => {
  const digest = strongest([challenge])!
  const cnonce = more.cnonce ?? ""
  const text = answer(digest, {
    user,
    method: more.method ?? "GET",
    uri: more.uri ?? "/dir/index.html",
    qop: more.qop,
    count: more.count ?? 1,
    cnonce,
    nonce: digest.nonce,
    bodyHash: bodyHashOf(digest.hash, Buffer.from(more.body ?? "")),
    secret: secretOf(digest, user, cnonce)
  })
  const params: Record<string, string> = {}
  for (const [, name = "", value = ""] of text.matchAll(/([\w*]+)=("(?:[^"\\]|\\.)*"|[^,\s]+)/g)) params[name] = value
  return { text, params }
}

describe("the examples of RFC 7616", () => {
  const challenge = (algorithm: string) =>
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
  const cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"

  for (const [algorithm, response] of [
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"]
  ] as const) {
    it(`match section 3.9.1, ${algorithm}`, () => {
      assert.deepStrictEqual(answered(challenge(algorithm), mufasa, { cnonce, qop: "auth" }).params, {
        username: '"Mufasa"',
        realm: '"http-auth@example.org"',
        nonce: '"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"',
        uri: '"/dir/index.html"',
        response: `"${response}"`,
        algorithm,
        qop: "auth",
        nc: "00000001",
        cnonce: `"${cnonce}"`,
        opaque: '"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
      })
    })
  }

  it("match section 3.9.2, as corrected by erratum 4897: SHA-512-256, userhash, UTF-8", () => {
    const { params } = answered(
      'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDicOEw6+UjoHDpg==", charset=UTF-8, userhash=true',
      { name: "J\u00e4s\u00f8n Doe", password: "Secret, or not?", encoding: "latin1" },
      { uri: "/doe.json", cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm", qop: "auth" }
    )
    assert.strictEqual(params.username, '"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"')
    assert.strictEqual(params.userhash, "true")
    // By Python's hashlib.
    assert.strictEqual(params.response, '"7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c"')
  })
})

describe("the examples of RFC 2617 and RFC 2069", () => {
  const nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"

  it("match RFC 2617 section 3.5", () => {
    const { params } = answered(
      `Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="${nonce}", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
      { ...mufasa, password: "Circle Of Life" },
      { cnonce: "0a4f113b", qop: "auth" }
    )
    assert.strictEqual(params.response, '"6629fae49393a05397450978507c4ef1"')
    assert.notProperty(params, "algorithm")
  })

  it("match RFC 2069 section 2.4, as corrected by erratum 749", () => {
    const { params } = answered(
      `Digest realm="testrealm@host.com", nonce="${nonce}"`,
      { ...mufasa, password: "CircleOfLife" },
      { uri: "/dir/index.html" }
    )
    assert.strictEqual(params.response, '"1949323746fe6a43ef61f9606e7febea"')
    for (const name of ["qop", "nc", "cnonce", "opaque"]) assert.notProperty(params, name)
  })
})

describe("the form of a digest answer", () => {
  const user: User = { name: "u", password: "p", encoding: "utf-8" }

  // Computed by Python's hashlib from the formulas of RFC 7616 section 3.4.
  const rows: ReadonlyArray<readonly [string, Parameters<typeof answered>[2], string]> = [
    ["algorithm=MD5-sess, qop=auth", { qop: "auth" }, "6e4aac8b22e97762f88ccd0d5ccf5b1d"],
    [
      "algorithm=SHA-256-sess, qop=auth",
      { qop: "auth" },
      "ea348c3992b38a8ab656b8bcd3589ab596820515773c2a4605013c6216e0f070"
    ],
    ["qop=auth-int", { qop: "auth-int", method: "POST", body: "body" }, "e095c7eec80723d91a53d22f9e0d16a7"],
    ["qop=auth-int", { qop: "auth-int" }, "7eeb55b7f6f7bbb156ec8ed04a13f5a5"],
    ["qop=auth", { qop: "auth", count: 0x1f }, "c9f2787afc157d75d652c0ce435cd3af"],
    [
      "algorithm=SHA-512-256, qop=auth",
      { qop: "auth" },
      "519cb229dddd3519d9837260180352bc20d17680bb51c2ee862b66f4d1c4b50f"
    ]
  ]
  for (const [rest, more, response] of rows) {
    it(`for ${rest} ${JSON.stringify(more)}`, () => {
      const { params } = answered(`Digest realm="r", nonce="n", ${rest}`, user, { uri: "/", cnonce: "c", ...more })
      assert.strictEqual(params.response, `"${response}"`)
    })
  }

  it("covers names of all kinds", () => {
    const name = (text: string) => answered('Digest realm="r", nonce="n"', { ...user, name: text }, {}).params
    assert.strictEqual(name('a"b\\c').username, '"a\\"b\\\\c"')
    assert.strictEqual(name("J\u00e4s\u00f8n (D'oe)*")["username*"], "UTF-8''J%C3%A4s%C3%B8n%20%28D%27oe%29%2A")
    assert.notProperty(name("J\u00e4s\u00f8n"), "username")
  })

  it("escapes a quoted realm in the answer and not in the hash", () => {
    const { params } = answered('Digest realm="a\\"b", nonce="n"', user, { uri: "/" })
    assert.strictEqual(params.realm, '"a\\"b"')
    assert.strictEqual(params.response, '"4e9d4888ba3fe352b4ccb93ff5b24efb"')
  })

  it("uses the charset of the challenge, or else that of the credentials", () => {
    const response = (rest: string, encoding: "utf-8" | "latin1") =>
      answered(`Digest realm="r", nonce="n"${rest}`, { name: "\u00e9", password: "\u00e9", encoding }, { uri: "/" })
        .params.response
    assert.strictEqual(response("", "latin1"), '"ca4bcac991b1feb63aaff063c7ae66ec"')
    assert.strictEqual(response("", "utf-8"), '"a4e28137cd0f5f455e618ea8ac2e281b"')
    assert.strictEqual(response(", charset=UTF-8", "latin1"), '"a4e28137cd0f5f455e618ea8ac2e281b"')
  })

  it("repeats the algorithm and opaque exactly", () => {
    const { params } = answered('Digest realm="r", nonce="n", algorithm=md5, opaque=""', user, {})
    assert.strictEqual(params.algorithm, "md5")
    assert.strictEqual(params.opaque, '""')
  })
})
