/** Pictures of requests in a browser. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { type ClientRequest, ClientResponse, Middleware, Session, Tracing } from "effect-http-session"
import { httpbin } from "../../examples/support/httpbin.js"
import { browser, openPage, screenshot, screenshots } from "./chromium.js"

/** Signals of requests that are redirected, repeated, refused and sent over reused connections. */
const recorded = Effect.gen(function* () {
  const { url } = yield* httpbin()
  const get = (path: string, options?: ClientRequest.RequestOptions) =>
    Session.get(`${url}${path}`, options).pipe(ClientResponse.discard, Effect.ignore)
  const all = Effect.all(
    [
      get("/redirect/2"),
      get("/delay/60?api_key=s3cr3t", { headers: { authorization: "Bearer s3cr3t" } }),
      get("/status/503", { middlewares: [Middleware.retry({ times: 2, schedule: Schedule.spaced("20 millis") })] }),
      get("/status/404"),
      get("/drip/20")
    ],
    { concurrency: 2 }
  )
  const [, signals] = yield* all.pipe(Tracing.collect)
  return signals
}).pipe(Effect.provide(Session.layer({ connector: { limit: 2 } })))

describe("a waterfall", () => {
  it.scopedLive("shows a row for each attempt, with bars within the axis, and details by hovering and by a click", () =>
    Effect.gen(function* () {
      const signals = yield* recorded
      const file = join(screenshots, "waterfall.html")
      writeFileSync(file, Tracing.waterfallHtml(signals, { title: "Five requests" }))
      const { errors, origins, page } = yield* openPage(yield* browser)
      yield* Effect.promise(() => page.goto(pathToFileURL(file).href))
      assert.strictEqual(yield* Effect.promise(() => page.locator("h1").textContent()), "Five requests")
      // Attempts of a request are counted from 1.
      const attempts = new Set(signals.map(({ attempt, requestId }) => `${requestId} ${attempt}`))
      const rows = page.locator("main details")
      assert.strictEqual(yield* Effect.promise(() => rows.count()), attempts.size)

      const boxes = yield* Effect.promise(() =>
        page.locator("main .track .bar").evaluateAll((bars) =>
          bars.map((bar) => {
            const { left, right, width } = bar.getBoundingClientRect()
            const track = bar.parentElement?.getBoundingClientRect()
            return { width, inside: track !== undefined && left >= track.left - 1 && right <= track.right + 3 }
          })
        )
      )
      assert.isNotEmpty(boxes)
      for (const { inside, width } of boxes) assert.isTrue(inside && width >= 2)

      yield* screenshot(page, "waterfall")
      const hint = yield* Effect.promise(() => rows.first().locator("summary").getAttribute("title"))
      assert.include(hint ?? "", "GET")
      yield* Effect.promise(() => rows.first().locator("summary").click())
      assert.isTrue(yield* Effect.promise(() => rows.first().locator("table").first().isVisible()))
      yield* screenshot(page, "waterfall-open")
      assert.notInclude(yield* Effect.promise(() => page.content()), "s3cr3t")
      assert.deepStrictEqual(errors, [])
      assert.deepStrictEqual([...origins], ["null"], "the page loads nothing but itself")
    })
  )

  it.scopedLive("is readable on a dark screen, and without scripts", () =>
    Effect.gen(function* () {
      const file = join(screenshots, "waterfall-dark.html")
      writeFileSync(file, Tracing.waterfallHtml(yield* recorded, { title: "In the dark" }))
      const { page } = yield* openPage(yield* browser, { colorScheme: "dark", javaScriptEnabled: false })
      yield* Effect.promise(() => page.goto(pathToFileURL(file).href))
      yield* Effect.promise(() => page.locator("main details summary").nth(1).click())
      assert.isTrue(yield* Effect.promise(() => page.locator("main details[open] table").first().isVisible()))
      yield* screenshot(page, "waterfall-dark")
    })
  )

  it.scopedLive("of one request is an SVG that the browser draws", () =>
    Effect.gen(function* () {
      const file = join(screenshots, "waterfall.svg")
      writeFileSync(file, Tracing.waterfallSvg(yield* recorded, { width: 900 }))
      const { errors, page } = yield* openPage(yield* browser, { viewport: { width: 940, height: 360 } })
      yield* Effect.promise(() => page.goto(pathToFileURL(file).href))
      const drawn = yield* Effect.promise(() => page.locator("svg rect").count())
      assert.isAbove(drawn, 0)
      assert.deepStrictEqual(errors, [])
      yield* screenshot(page, "waterfall-svg")
    })
  )
})
