/**
 * What printing shows of the values and errors of this package: `places` makes each with a secret in every place that
 * takes one, and `printed` prints it in every way.
 */
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect } from "effect"
import { places } from "./support/places.js"
import * as planted from "./support/planted.js"
import { inspected, loggedToo, printed, renderings } from "./support/renderings.js"

describe("printed", () => {
  it("shows what is planted where nothing hides it", () => {
    // The assertions below are worth something only if these renderings show secrets at all.
    class Careless extends Data.TaggedClass("Careless")<{ readonly inner: { readonly password: string } }> {}
    const shown = printed(new Careless({ inner: { password: planted.secret("careless") } }))
    const blind = Object.keys(shown).filter((how) => planted.found(shown[how] ?? "").length === 0)
    assert.deepStrictEqual(blind, ["string"])
  })
})

const renderer = (place: string, value: unknown) =>
  value instanceof Error ? renderings : place === "data" ? loggedToo : place === "lists" ? inspected : printed

describe("printing shows no secret of", () => {
  for (const [name, make] of Object.entries(places)) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const values = Object.entries(yield* make)
        const shown = values.flatMap(([what, value]) => planted.leaks(value, what, renderer(name, value)))
        assert.deepStrictEqual(shown, [])
      })
    )
  }
})
