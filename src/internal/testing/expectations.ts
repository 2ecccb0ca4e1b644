/** Matches requests against expectations and counts them. */

import type { MockHandler, MockRequest } from "../../Connector.js"
import type { Expectation } from "../../Testing.js"
import { showAs } from "../inspection.js"
import { redactText, redactUrl } from "../redact.js"

const canonical = (url: string): string => {
  try {
    return new URL(url).href
  } catch {
    return url
  }
}

const matches = (expectation: Pick<Expectation, "method" | "url">, request: MockRequest): boolean => {
  const { method, url } = expectation
  if (method !== undefined && method.toUpperCase() !== request.method) return false
  if (typeof url === "string") return url === request.exact.url || canonical(url) === canonical(request.exact.url)
  // With the flags "g" and "y", the search would start after the previous match.
  return new RegExp(url.source, url.flags.replace(/[gy]/g, "")).test(request.exact.url)
}

interface Entry<R> {
  readonly expectation: Expectation<R>
  readonly expectedCount: number
  count: number
}

export class Expectations<R> {
  static {
    showAs(Expectations, "Expectations", (self) => self.remainder)
  }

  private readonly entries: ReadonlyArray<Entry<R>>
  private readonly unexpected: Array<string> = []

  constructor(list: ReadonlyArray<Expectation<R>>) {
    this.entries = list.map((expectation) => ({ expectation, expectedCount: expectation.times ?? 1, count: 0 }))
  }

  answer(request: MockRequest): ReturnType<MockHandler<R>> {
    const entry = this.entries.find(
      ({ expectation, count, expectedCount }) => count < expectedCount && matches(expectation, request)
    )
    if (entry === undefined) {
      const unexpectedRequest = `${request.method} ${redactUrl(request.exact.url)}`
      this.unexpected.push(unexpectedRequest)
      return new Response(`Not expected: ${unexpectedRequest}`, { status: 501 })
    }
    entry.count++
    const { respond } = entry.expectation
    return respond instanceof Response ? respond.clone() : respond(request)
  }

  get fulfilled(): boolean {
    const { unexpected, unmet } = this.remainder
    return unmet.length === 0 && unexpected.length === 0
  }

  get remainder(): { readonly unmet: ReadonlyArray<string>; readonly unexpected: ReadonlyArray<string> } {
    const unmet: Array<string> = []
    for (const { expectation, count, expectedCount } of this.entries) {
      if (expectedCount === Infinity || count >= expectedCount) continue
      unmet.push(
        `${expectation.method?.toUpperCase() ?? "any method"} ${shown(expectation.url)} (${count} of ${expectedCount})`
      )
    }
    return { unmet, unexpected: [...this.unexpected] }
  }
}

const shown = (url: string | RegExp): string => (typeof url === "string" ? redactUrl(url) : redactText(String(url)))
