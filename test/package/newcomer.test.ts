import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { selfSigned } from "../support/certificates.js"
import { main } from "./consumer/main.js"

describe("a new user", () => {
  it.live("calls an API with cookies, catches a certificate error by its tag, and tests that with a mock", () =>
    Effect.flatMap(selfSigned(), (tls) => Effect.promise(() => main(tls)))
  )
})
