/** Headless Chromium as resources: a browser, and pages whose errors and requests are recorded. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { root } from "../project.js"

/** The path of Debian's package `chromium`; CHROMIUM names another one. */
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium"

/** Where screenshots are written, to be looked at. */
export const screenshots = join(root, ".tmp/browser")
mkdirSync(screenshots, { recursive: true })

// The sandbox of Chromium does not run as root. The tests open pages of this repository only.
export const browser: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => chromium.launch({ executablePath, args: ["--no-sandbox"] })),
  (open) => Effect.promise(() => open.close())
)

export interface Opened {
  readonly page: Page
  /** Errors on the console, exceptions of scripts, and URLs that were not found. */
  readonly errors: ReadonlyArray<string>
  /** The origins that the page has sent requests to. */
  readonly origins: ReadonlySet<string>
}

/** A page of a profile of its own. */
export const openPage = (of: Browser, options: BrowserContextOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => of.newContext({ viewport: { width: 1360, height: 900 }, ...options })),
    (context) => Effect.promise(() => context.close())
  ).pipe(
    Effect.flatMap((context) => Effect.promise(() => context.newPage())),
    Effect.map((page): Opened => {
      const errors: Array<string> = []
      const origins = new Set<string>()
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text())
      })
      page.on("response", (response) => {
        if (!response.ok()) errors.push(`${response.status()} for ${response.url()}`)
      })
      page.on("pageerror", (error) => errors.push(String(error)))
      page.on("request", (request) => origins.add(new URL(request.url()).origin))
      return { page, errors, origins }
    })
  )

export const screenshot = (page: Page, name: string) =>
  Effect.promise(() => page.screenshot({ path: join(screenshots, `${name}.png`) }))
