/** The built site in a browser: pages, search, dark mode, a phone. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { dist } from "../project.js"
import { browser, openPage, screenshot } from "./chromium.js"
import { serveFolder } from "./fileServer.js"

const pages: ReadonlyArray<readonly [path: string, title: string, heading: string]> = [
  ["start.html", "Start", "Send a request"],
  ["cookies.html", "Cookies", "Rejected cookies"],
  ["error-catalogue.html", "Error catalogue", "ClientConnectorDNSError"],
  ["api/Session.html", "Session", "layers"],
  ["examples/17-proxy-support.html", "17-proxy-support", ""]
]

/** Opens a page, and waits until its script has taken over the HTML: from then on it reacts to keys and clicks. */
const goTo = (page: Page, url: string) =>
  Effect.promise(async () => {
    await page.goto(url)
    await page.waitForFunction(() => "__vue_app__" in (document.querySelector("#app") ?? {}))
  })

const headings = (page: Page, level: number) =>
  Effect.promise(() => page.locator(`main h${level}`).allTextContents()).pipe(
    // VitePress ends each heading with an invisible link.
    Effect.map((texts) => texts.map((text) => text.replace(/[\u200b\s]+$/, "")))
  )

const backgroundOf = (page: Page) =>
  Effect.promise(() => page.evaluate(() => getComputedStyle(document.body).backgroundColor))

/** The sum of the three channels, from 0 for black to 765 for white. */
const brightness = (colour: string): number =>
  (colour.match(/\d+/g) ?? []).slice(0, 3).reduce((sum, channel) => sum + Number(channel), 0)

describe("the site", () => {
  for (const [path, title, heading] of pages) {
    it.scopedLive(`shows ${path} with its headings, from its own files only`, () =>
      Effect.gen(function* () {
        const url = yield* serveFolder(dist)
        const { errors, origins, page } = yield* openPage(yield* browser)
        yield* goTo(page, `${url}/${path}`)
        assert.deepStrictEqual(yield* headings(page, 1), [title])
        if (heading !== "") assert.include(yield* headings(page, 2), heading)
        assert.isAbove(yield* Effect.promise(() => page.locator("main pre code").count()), 0)
        assert.deepStrictEqual(errors, [])
        assert.deepStrictEqual([...origins], [url])
        yield* screenshot(page, `site-${path.replace(/\W+/g, "-")}`)
      })
    )
  }

  it.scopedLive("opens with what the library is, and leads to the first page", () =>
    Effect.gen(function* () {
      const url = yield* serveFolder(dist)
      const { errors, page } = yield* openPage(yield* browser)
      yield* goTo(page, `${url}/`)
      yield* screenshot(page, "site-home")
      yield* Effect.promise(() => page.getByRole("link", { name: "Start", exact: true }).last().click())
      yield* Effect.promise(() => page.waitForURL(`${url}/start.html`))
      assert.deepStrictEqual(yield* headings(page, 1), ["Start"])
      assert.deepStrictEqual(errors, [])
    })
  )

  it.scopedLive("finds a word without asking another server, and follows the result", () =>
    Effect.gen(function* () {
      const url = yield* serveFolder(dist)
      const { errors, origins, page } = yield* openPage(yield* browser)
      yield* goTo(page, `${url}/start.html`)
      yield* Effect.promise(() => page.keyboard.press("Control+k"))
      yield* Effect.promise(() => page.locator(".search-input").fill("layerPersisted"))
      const result = page.locator(".results .result").first()
      yield* Effect.promise(() => result.waitFor())
      yield* screenshot(page, "site-search")
      yield* Effect.promise(() => result.click())
      yield* Effect.promise(() => page.waitForURL(/(?:cookies|CookieJar)\.html#/))
      assert.include((yield* Effect.promise(() => page.locator("main").textContent())) ?? "", "layerPersisted")
      assert.deepStrictEqual(errors, [])
      assert.deepStrictEqual([...origins], [url])
    })
  )

  it.scopedLive("turns dark by its switch, and remembers that", () =>
    Effect.gen(function* () {
      const url = yield* serveFolder(dist)
      const { page } = yield* openPage(yield* browser, { colorScheme: "light" })
      yield* goTo(page, `${url}/cookies.html`)
      assert.isAbove(brightness(yield* backgroundOf(page)), 600)
      yield* Effect.promise(() => page.locator(".VPSwitchAppearance:visible").click())
      yield* Effect.promise(() => page.locator("html.dark").waitFor())
      yield* Effect.promise(() => page.reload())
      assert.isBelow(brightness(yield* backgroundOf(page)), 200)
      yield* screenshot(page, "site-dark")
    })
  )

  it.scopedLive("fits a phone", () =>
    Effect.gen(function* () {
      const url = yield* serveFolder(dist)
      const { page } = yield* openPage(yield* browser, { viewport: { width: 390, height: 844 } })
      for (const path of ["", "cookies.html", "api/Session.html"]) {
        yield* goTo(page, `${url}/${path}`)
        const width = yield* Effect.promise(() => page.evaluate(() => document.documentElement.scrollWidth))
        assert.isAtMost(width, 390, path)
      }
      yield* screenshot(page, "site-phone")
    })
  )
})
