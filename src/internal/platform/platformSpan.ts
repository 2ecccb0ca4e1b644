/**
 * The span that @effect/platform makes for a request, whose attributes name its URL and all headers: their secrets are
 * left out.
 */
import * as Headers from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import type { HiddenNames } from "../http/concealedHeaders.js"
import { isHiddenWhole, redactUrl } from "../redact.js"

/** A pattern for `Headers.currentRedactedNames`: the names of all headers that are never shown, or not as they are. */
class HiddenHeaderNames extends RegExp {
  constructor() {
    super("")
  }
  override test(name: string): boolean {
    return isHiddenWhole(name)
  }
}

const hidden = new HiddenHeaderNames()

/** The program's list that was extended last, and what it has become: there is nearly always one. */
let lastNames: HiddenNames | undefined
let lastAll: HiddenNames = []

const withHidden = (names: HiddenNames): HiddenNames => {
  if (names !== lastNames) {
    lastAll = names.includes(hidden) ? names : [...names, hidden]
    lastNames = names
  }
  return lastAll
}

/** The names of the program alone. */
export const withoutHidden = (names: HiddenNames): HiddenNames => names.filter((name) => name !== hidden)

/** Runs a request of the platform's with the names of this package beside those of the program. */
export const redactingHeaders = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.locallyWith(self, Headers.currentRedactedNames, withHidden)

/** Whether the platform has made the span for this URL: one of the program's own is left alone. */
const isOfRequest = (span: Tracer.AnySpan | undefined, url: URL): span is Tracer.Span =>
  span?._tag === "Span" && span.attributes.get("url.full") === url.toString()

/** Redacts the URL in the attributes of the platform's span, if there is one. */
export const redactSpan = (url: URL): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const span = fiber.currentSpan
    const shown = redactUrl(url.href)
    if (shown === url.href || !isOfRequest(span, url)) return Effect.void
    span.attribute("url.full", shown)
    span.attribute("url.path", redactUrl(url.pathname))
    if (url.search !== "") span.attribute("url.query", redactUrl(url.search).slice(1))
    return Effect.void
  })
