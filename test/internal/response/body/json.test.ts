/**
 * Decoding of JSON: charsets, faults and their positions.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import type { JsonOptions } from "../../../../src/ClientResponse.js"
import { faultOf } from "../../../../src/internal/errors/jsonText.js"
import { complete, type Given } from "../support.js"
import { bytesOf, failureOf, typed } from "./support.js"

describe("the JSON of a body", () => {
  const jsonTypes = [
    "application/json",
    "APPLICATION/JSON",
    "application/json; charset=utf-8",
    "application/json;foo=bar",
    "application/problem+json",
    "application/vnd.api+JSON; x=y",
    "model/gltf+json",
    "text/json",
    "TEXT/JSON;charset=utf-8",
    "*/*+json",
    "text/html, application/json",
    "application/json, application/json",
    "application/json; charset=utf-8, application/json",
    "application/json, */*",
    "application/json, garbage",
    'text/html; x="a, application/xml", application/json'
  ]
  const otherTypes = [
    "application/jsonp",
    "application/json-seq",
    "application/x-json",
    "text/html",
    "text/html; x=application/json",
    'text/html; x=", application/json"',
    "application/json, text/html",
    "application/octet-stream",
    "garbage",
    "json",
    "",
    undefined
  ]
  const withType = (contentType: string | undefined): Given => (contentType === undefined ? {} : typed(contentType))
  for (const contentType of [...jsonTypes, ...otherTypes]) {
    const jsonType = contentType !== undefined && jsonTypes.includes(contentType)
    it.effect(`is parsed with type ${JSON.stringify(contentType)}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* complete('{"a":1}', withType(contentType)).json, { a: 1 })
      })
    )

    it.effect(`fails for other text of type ${JSON.stringify(contentType)} with the error for that type`, () =>
      Effect.gen(function* () {
        const response = complete("<html>", { status: 502, ...withType(contentType) })
        const error = failureOf(yield* Effect.exit(response.json))
        assert.strictEqual(error._tag, jsonType ? "JsonDecodeError" : "ContentTypeError")
        if (error._tag === "ContentTypeError") {
          const { contentType: got, excerpt, expected, message, status } = error
          assert.deepStrictEqual(
            [status, got, expected, excerpt],
            [502, contentType ?? "", "application/json", "<html>"]
          )
          if (contentType !== "application/octet-stream") assert.notInclude(message, "octet-stream")
          assert.notInclude(message, "<html>")
        }
        // Another decoder can still read the body.
        assert.strictEqual(yield* response.text, "<html>")
      })
    )
  }

  it.effect("has the same type whether Content-Type is sent twice or joined by a comma", () =>
    Effect.gen(function* () {
      const headers = [
        ["Content-Type", "text/html"],
        ["Content-Type", "application/json"]
      ] as const
      const response = complete("<html>", { headers })
      assert.strictEqual(response.contentType, "application/json")
      assert.strictEqual(failureOf(yield* Effect.exit(response.json))._tag, "JsonDecodeError")
      const other = complete("<html>", { headers: [...headers].reverse() })
      const error = failureOf(yield* Effect.exit(other.json))
      assert.strictEqual(error._tag === "ContentTypeError" && error.contentType, "application/json, text/html")
    })
  )

  const charsets: ReadonlyArray<readonly [contentType: string, charset: string | undefined]> = [
    ["text/plain; charset=windows-1251, text/plain", "windows-1251"],
    ["text/plain; charset=windows-1251, text/html", undefined],
    ["text/html, text/plain; charset=utf-16be", "utf-16be"],
    ["text/plain; charset=utf-16be, text/plain; charset=utf-8", "utf-8"],
    ["text/plain; charset=utf-16be, */*; charset=utf-8", "utf-16be"]
  ]
  for (const [contentType, charset] of charsets) {
    it(`the charset of ${contentType} is ${charset}`, () => {
      assert.deepStrictEqual(complete("", typed(contentType)).charset, Option.fromNullable(charset))
    })
  }

  const demands: ReadonlyArray<readonly [contentType: string | undefined, wanted: string, passes: boolean]> = [
    ["text/html; charset=utf-8", "text/HTML", true],
    ["application/json, text/html", "text/html", true],
    ["text/html-x", "text/html", false],
    ["application/problem+json", "application/json", false],
    ["text/json", "application/json", false],
    [undefined, "application/json", false],
    [undefined, "application/octet-stream", false]
  ]
  for (const [contentType, wanted, passes] of demands) {
    it.effect(`is checked for type ${wanted} in jsonWith with ${contentType}`, () =>
      Effect.gen(function* () {
        const response = complete('{"a":1}', withType(contentType))
        const exit = yield* Effect.exit(response.jsonWith({ contentType: wanted }))
        if (passes) {
          assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value, { a: 1 })
          return
        }
        const error = failureOf(exit)
        assert.strictEqual(error._tag, "ContentTypeError")
        if (error._tag !== "ContentTypeError") return
        assert.deepStrictEqual(
          [error.contentType, error.expected, error.excerpt],
          [contentType ?? "", wanted, '{"a":1}']
        )
        assert.strictEqual(yield* response.text, '{"a":1}')
      })
    )
  }

  it.effect("fails with JsonDecodeError for every type with contentType: false", () =>
    Effect.gen(function* () {
      const response = complete("<html>", typed("text/html"))
      assert.strictEqual(
        failureOf(yield* Effect.exit(response.jsonWith({ contentType: false })))._tag,
        "JsonDecodeError"
      )
    })
  )

  it.effect("has a bounded excerpt in its error", () =>
    Effect.gen(function* () {
      const error = failureOf(yield* Effect.exit(complete(`<${"é".repeat(2000)}`, typed("text/html")).json))
      assert.strictEqual(error._tag === "ContentTypeError" && error.excerpt, `<${"é".repeat(499)}`)
    })
  )

  const empty: ReadonlyArray<readonly [name: string, bytes: Uint8Array]> = [
    ["no byte", new Uint8Array()],
    ["white space", Buffer.from(" \r\n\t")],
    ["a byte order mark", Buffer.from("\ufeff")]
  ]
  for (const [name, bytes] of empty) {
    it.effect(`is null for a body of ${name}`, () =>
      Effect.gen(function* () {
        for (const contentType of ["application/json", "text/html", undefined]) {
          const response = complete(bytes, { status: 204, ...withType(contentType) })
          assert.isNull(yield* response.json)
          assert.isNull(yield* response.jsonWith({ contentType: false }))
        }
      })
    )
  }

  const faults: ReadonlyArray<readonly [text: string, position: number]> = [
    ["x", 0],
    ["{", 1],
    ["{a:1}", 1],
    ['{"a":}', 5],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['{"a":1 "b"}', 7],
    ["[1,2", 4],
    ["[1,]", 3],
    ["[1 2]", 3],
    ["[]]", 2],
    ['"abc', 4],
    ['"a\nb"', 2],
    ['"\\x"', 1],
    ['"\\u12g4"', 1],
    ["01", 1],
    ["nul", 0],
    ["<!DOCTYPE html>", 0],
    ['{"a":"b"} trailing', 10],
    ["[[[[", 4]
  ]
  for (const [text, position] of faults) {
    it.effect(`of ${JSON.stringify(text)} is invalid at ${position}`, () =>
      Effect.gen(function* () {
        const error = failureOf(yield* Effect.exit(complete(text, typed("application/json")).json))
        assert.strictEqual(error._tag, "JsonDecodeError")
        if (error._tag !== "JsonDecodeError") return
        assert.strictEqual(error.position, position)
        assert.isAtMost(error.excerpt.length, 100)
        assert.strictEqual(error.excerpt, text)
      })
    )
  }

  it("fails at the position at which JSON.parse fails", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (text, at, char) => {
        assert.strictEqual(faultOf(text), text.length)
        const changed = text.slice(0, at % (text.length + 1)) + char + text.slice(at % (text.length + 1))
        let valid = true
        try {
          JSON.parse(changed)
        } catch {
          valid = false
        }
        if (valid) assert.strictEqual(faultOf(changed), changed.length)
        assert.strictEqual(faultOf(`${text}\u0001`), text.length)
      }),
      { seed: 5, numRuns: 2000 }
    )
  })

  it.effect("has a short excerpt around the fault", () =>
    Effect.gen(function* () {
      const text = `[${"1,".repeat(1000)}oops,${"2,".repeat(1000)}3]`
      const error = failureOf(yield* Effect.exit(complete(text, typed("application/json")).json))
      assert.strictEqual(error._tag, "JsonDecodeError")
      if (error._tag !== "JsonDecodeError") return
      assert.strictEqual(error.position, 2001)
      assert.strictEqual(error.excerpt.length, 100)
      assert.include(error.excerpt, "oops")
    })
  )

  it.effect("is read at any depth and size", () =>
    Effect.gen(function* () {
      const deep = yield* Effect.exit(complete("[".repeat(1_000_000), typed("application/json")).json)
      assert.strictEqual(failureOf(deep)._tag, "JsonDecodeError")
      const long = yield* Effect.exit(complete(`"${"a".repeat(5_000_000)}`, typed("application/json")).json)
      const error = failureOf(long)
      assert.strictEqual(error._tag === "JsonDecodeError" && error.position, 5_000_001)
    })
  )

  it.effect("does not change a prototype", () =>
    Effect.gen(function* () {
      const value = yield* complete('{"__proto__":{"polluted":1}}', typed("application/json")).json
      assert.isUndefined(Reflect.get({}, "polluted"))
      assert.deepStrictEqual(Object.keys(value ?? {}), ["__proto__"])
    })
  )

  it.effect("is decoded by charset, byte order mark and the caller's encoding", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* complete("\ufeff1", typed("application/json")).json, 1)
      const cyrillic = bytesOf(0x22, 0xcf, 0x22)
      assert.strictEqual(yield* complete(cyrillic, typed("application/json; charset=windows-1251")).json, "П")
      assert.strictEqual(yield* complete(cyrillic, typed("application/json")).jsonWith({ encoding: "cp1251" }), "П")
      assert.strictEqual(yield* complete(bytesOf(0x22, 0xff, 0x22), typed("application/json")).json, "\ufffd")
    })
  )

  it.effect("is parsed by the parser of the caller, which can throw any value", () =>
    Effect.gen(function* () {
      const options = (parse: (text: string) => unknown): JsonOptions => ({ parse })
      const response = complete("[1]", typed("application/json"))
      assert.strictEqual(yield* response.jsonWith(options((text) => text.length)), 3)
      for (const thrown of [new Error("at position 1"), "text", undefined, new SyntaxError("x at position 99")]) {
        const exit = yield* Effect.exit(
          response.jsonWith(
            options(() => {
              throw thrown
            })
          )
        )
        const error = failureOf(exit)
        assert.strictEqual(error._tag, "JsonDecodeError")
        if (error._tag === "JsonDecodeError") assert.strictEqual(error.excerpt, "[1]")
      }
    })
  )
})
