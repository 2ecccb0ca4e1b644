/** The error catalogue is complete, and is the page that the source generates. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Errors from "effect-http-session/Errors"
import { catalogue, declaredErrors, faultsOf } from "../../scripts/errorCatalogue.js"

const page = new URL("../../docs/error-catalogue.md", import.meta.url)

describe("the error catalogue", () => {
  it.effect("is the page that the source generates", () =>
    Effect.map(catalogue, (text) =>
      assert.strictEqual(
        readFileSync(page, "utf8"),
        text,
        "expected docs/error-catalogue.md to be current: npm run docs:errors"
      )
    )
  )

  it("has every error of the source", () => {
    const classes = Object.values(Errors).filter((value) => typeof value === "function" && "prototype" in value)
    const tags = classes.filter(({ prototype }) => prototype instanceof Error).map(({ name }) => name)
    assert.sameMembers(
      declaredErrors().map(({ tag }) => tag),
      tags
    )
  })

  it("rejects an error without causes, without a remedy, without a sample or with an unexplained reason", () => {
    const declared = { tag: "PoolSaturatedError", docstring: "Text.", reasons: ["Full"] }
    const faults = faultsOf([declared], [])
    assert.lengthOf(faults, 5)
    const sample = new Errors.PoolSaturatedError({ waiting: 1, maxQueue: 1 })
    const explained = { ...declared, docstring: 'Text.\n\nCauses: x.\n\nRemedy: y, "Full".' }
    assert.deepStrictEqual(faultsOf([explained], [sample]), [
      'scripts/errorSamples.ts: PoolSaturatedError "Full" has no sample'
    ])
    assert.deepStrictEqual(faultsOf([{ ...explained, reasons: [] }], [sample]), [])
  })
})
