/** Redacts the span that @effect/platform makes for a request. Its attributes include the URL and all headers. */
import * as Headers from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import { stateOf } from "../effect/fiberState.js"
import { isUrlOf, spanOf } from "../effect/tracers.js"
import type { HiddenNames } from "../http/concealedHeaders.js"
import { isHiddenWhole, redactUrl } from "../redact.js"

/** A pattern for `Headers.currentRedactedNames` that matches every header whose value is never shown. */
class HiddenHeaderNames extends RegExp {
  constructor() {
    super("")
  }
  override test(name: string): boolean {
    return isHiddenWhole(name)
  }
  override [Symbol.search](name: string): number {
    return this.test(name) ? 0 : -1
  }
}

const hidden = new HiddenHeaderNames()

/** The last list that was extended, as most programs have only one. */
let lastNames: HiddenNames | undefined
let lastAll: HiddenNames = []

const withHidden = (names: HiddenNames): HiddenNames => {
  if (names !== lastNames) {
    lastAll = names.includes(hidden) ? names : [...names, hidden]
    lastNames = names
  }
  return lastAll
}

/** Removes the pattern of this package from a list of names. */
export const withoutHidden = (names: HiddenNames): HiddenNames => names.filter((name) => name !== hidden)

/** Runs a platform request with the pattern of this package in addition to the hidden names of the program. */
export const redactingHeaders = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.locallyWith(self, Headers.currentRedactedNames, withHidden)

/** Whether the platform made the span for this URL. Spans of the program must stay unchanged. */
const isOfRequest = (span: Tracer.AnySpan | undefined, url: URL): span is Tracer.Span =>
  span?._tag === "Span" && isUrlOf(span.attributes.get("url.full"), url)

/** Redacts the URL in the attributes of the platform's span, if there is one. */
export const redactSpan = (url: URL): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const span = spanOf(stateOf(fiber))
    const shown = redactUrl(url.href)
    if (shown === url.href || !isOfRequest(span, url)) return Effect.void
    span.attribute("url.full", shown)
    span.attribute("url.path", redactUrl(url.pathname))
    if (url.search !== "") span.attribute("url.query", redactUrl(url.search).slice(1))
    return Effect.void
  })
