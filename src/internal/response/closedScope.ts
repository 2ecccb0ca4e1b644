/**
 * Whether a Scope is closed, from its internal state. A finalizer per response would show the same, but cost a fifth of
 * a small request and leave an entry in long-lived Scopes. A Scope whose state cannot be read counts as open.
 */
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"

export const isClosed = (scope: Scope.Scope): boolean =>
  Predicate.hasProperty(scope, "state") && Predicate.isTagged(scope.state, "Closed")
