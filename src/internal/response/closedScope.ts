/**
 * Whether a Scope is closed. Effect does not expose this; the alternative, a finalizer per response, would cost a fifth
 * of a small request, and leave an entry in long-lived Scopes. A Scope without a readable state counts as open.
 */
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"

export const isClosed = (scope: Scope.Scope): boolean =>
  Predicate.hasProperty(scope, "state") && Predicate.isTagged(scope.state, "Closed")
