/**
 * Whether a Scope is closed. Effect keeps that to itself and would have a finalizer tell it, which costs a request with
 * a small body a fifth more, and a Scope that lives long an entry for each; a Scope that does not say it counts as open.
 */
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"

export const isClosed = (scope: Scope.Scope): boolean =>
  Predicate.hasProperty(scope, "state") && Predicate.isTagged(scope.state, "Closed")
