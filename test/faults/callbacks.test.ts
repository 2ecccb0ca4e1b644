/** User functions that throw where they should return an effect: only their request fails, with a defect. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Session from "effect-http-session/Session"
import type { SessionService } from "effect-http-session/Session"
import { response } from "../support/server.js"
import { redirect, sessionWith, site } from "../support/sites.js"
import { promptly } from "../support/steps.js"

const boom = (): Effect.Effect<never> => {
  throw new Error("boom")
}

type Run = (session: SessionService, url: string) => Effect.Effect<unknown, unknown>

const text: Run = (session, url) => session.get(url).pipe(ClientResponse.text)

const rows: ReadonlyArray<readonly [name: string, run: Run, options?: Session.SessionOptions]> = [
  ["raiseForStatus of the session, before a decoder", text, { raiseForStatus: boom }],
  ["raiseForStatus of the session, in a Scope", (s, url) => Effect.scoped(s.get(url)), { raiseForStatus: boom }],
  ["raiseForStatus of a request", (s, url) => s.get(url, { raiseForStatus: boom }).pipe(ClientResponse.text)],
  [
    "raiseForStatus behind a middleware",
    text,
    { raiseForStatus: boom, middlewares: [(request, next) => next(request)] }
  ],
  ["use behind a verb", (s, url) => s.get(url).pipe(ClientResponse.use(boom))],
  ["use behind more than a verb", (s, url) => s.get(url).pipe(Effect.tap(Effect.void), ClientResponse.use(boom))],
  ["flatMap in a Scope", (s, url) => Effect.scoped(Effect.flatMap(s.get(url), boom))],
  ["a middleware", text, { middlewares: [boom] }],
  ["onRedirect", (s, url) => text(s, `${url}away`), { onRedirect: boom }],
  ["onProgress", (s, url) => s.get(url, { onProgress: boom }).pipe(ClientResponse.text)],
  ["the function run for each chunk", (s, url) => Stream.runForEach(ClientResponse.stream(s.get(url)), boom)]
]

/** A body that does not arrive completely with its head. */
const large = response(200, "x".repeat(300_000))

describe("a callback that throws", () => {
  for (const [name, run, options] of rows) {
    it.scopedLive(`fails its request with a defect and keeps no slot: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* site(({ target }) => (target === "/away" ? redirect(302, "/") : large))
        const { connector, session } = yield* sessionWith(options, { connector: { limit: 1 } })
        const exit = yield* promptly(Effect.exit(run(session, at.to("a.test"))), name)
        const defect = Exit.isFailure(exit) ? [...Cause.defects(exit.cause)][0] : undefined
        assert.strictEqual(defect instanceof Error ? defect.message : exit, "boom")
        assert.strictEqual((yield* connector.stats).acquired, 0)
        const plain = session.with({ raiseForStatus: false, middlewares: [] })
        yield* promptly(text(plain, at.to("a.test")), "the next request")
      })
    )
  }
})

const never = () => Effect.never

const endless: ReadonlyArray<readonly [name: string, run: Run, options?: Session.SessionOptions]> = [
  ["raiseForStatus", text, { raiseForStatus: never }],
  ["a middleware", text, { middlewares: [never] }],
  ["onRedirect", (s, url) => text(s, `${url}away`), { onRedirect: never }],
  [
    "onProgress of a body that is put together",
    (s, url) => s.get(url, { onProgress: never }).pipe(ClientResponse.text)
  ],
  ["onProgress of a stream", (s, url) => Stream.runDrain(ClientResponse.stream(s.get(url, { onProgress: never })))],
  ["onProgress of an upload", (s, url) => s.put(url, { text: "a", onProgress: never }).pipe(ClientResponse.text)]
]

describe("a callback that never ends", () => {
  for (const [name, run, options] of endless) {
    it.scopedLive(`ends with the total limit of its request: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* site(({ target }) => (target === "/away" ? redirect(302, "/") : large))
        const { connector, session } = yield* sessionWith({ ...options, timeout: "200 millis" })
        const exit = yield* promptly(Effect.exit(run(session, at.to("a.test"))), name)
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit
        assert.deepInclude(error, { _tag: "TotalTimeoutError" })
        assert.strictEqual((yield* connector.stats).acquired, 0)
      })
    )
  }
})
