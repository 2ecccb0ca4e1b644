/** Packages that few programs need are loaded on first use. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

const program = fileURLToPath(new URL("./firstUse.ts", import.meta.url))

/** What the program prints if the packages cannot be imported. */
const outcomesWithout = (packages: ReadonlyArray<string>) =>
  Effect.async<unknown>((resume) => {
    const child = execFile(
      process.execPath,
      ["--import", "tsx", program, ...packages],
      { env: { PATH: process.env.PATH ?? "" } },
      (error, stdout, stderr) => {
        if (stdout.trim() === "") resume(Effect.die(error ?? new Error(stderr)))
        else resume(Effect.sync(() => JSON.parse(stdout)))
      }
    )
    return Effect.sync(() => child.kill())
  })

describe("a process that imports the package and sends a GET", () => {
  it.live(
    "loads tldts, ws, socks and http-cache-semantics only for operations that need them",
    () =>
      Effect.gen(function* () {
        const outcomes = yield* outcomesWithout(["tldts", "ws", "socks", "http-cache-semantics"])
        assert.deepStrictEqual(outcomes, {
          get: "ok",
          ownCookies: "ok",
          domainCookie: "tldts",
          domainCookieInJar: "tldts",
          webSocket: "ws",
          socks: "socks",
          cache: "http-cache-semantics",
          // The layer loads when it is built, because a TestClock does not control how long loading takes.
          mock: "tldts"
        })
      }),
    60_000
  )
})
