import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ClientResponse, Session, Testing } from "effect-http-session"
import { invalidPath } from "../../../src/internal/effect/schemaErrors.js"
import { failure } from "../../support/exits.js"
import { renderings } from "../../support/renderings.js"

const Users = Schema.Struct({ users: Schema.Array(Schema.Struct({ name: Schema.String })) })

describe("An error of a schema", () => {
  it.effect("contains the path of the first invalid member", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Schema.decodeUnknown(Users)({ users: [{ name: "a" }, { name: 1 }] }))
      assert.deepStrictEqual(invalidPath(error), ["users", 1, "name"])
    })
  )

  it.effect("of a response does not print credentials of its request", () =>
    Effect.gen(function* () {
      const decoded = Session.get("https://a.test/?token=s3cr3t-token", {
        headers: { authorization: "Bearer s3cr3t-bearer", "x-api-key": "s3cr3t-key" }
      }).pipe(
        ClientResponse.schemaJson(Users),
        Effect.provide(Testing.layer(() => Response.json({ users: [{ name: 1 }] })))
      )
      const error = failure(yield* Effect.exit(decoded))
      assert.strictEqual(error._tag, "ParseError")
      for (const [how, text] of Object.entries(renderings(error))) assert.notInclude(text, "s3cr3t-", how)
      assert.include(error.message, "name")
    })
  )
})
