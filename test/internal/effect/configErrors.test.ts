import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { variable } from "../../../src/internal/effect/configErrors.js"

describe("variable", () => {
  it.effect("distinguishes an empty variable from a missing one", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* variable("EMPTY"), "")
      assert.strictEqual(yield* variable("MISSING"), undefined)
    }).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["EMPTY", ""]]))))
  )

  it.effect("keeps an empty variable of the process", () =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        process.env.EFFECT_HTTP_SESSION_EMPTY = ""
      }),
      () => Effect.map(variable("EFFECT_HTTP_SESSION_EMPTY"), (value) => assert.strictEqual(value, "")),
      () =>
        Effect.sync(() => {
          delete process.env.EFFECT_HTTP_SESSION_EMPTY
        })
    )
  )
})
