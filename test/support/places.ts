/**
 * The values of this package that can be printed, each made and used with a secret in every place that takes one.
 */
import type { Effect, Scope } from "effect"
import { errors } from "./places/errors.js"
import { credentials, jars, redirects, webSockets } from "./places/exchanges.js"
import type { Values } from "./places/fixtures.js"
import { middlewares } from "./places/middlewares.js"
import { platform } from "./places/platform.js"
import { data, effects, requests, responses } from "./places/requests.js"
import { connectors, fibers, internals, sessions } from "./places/sessions.js"
import { cassettes, mocks } from "./places/testing.js"
import { spans, traces } from "./places/tracing.js"

/** The values by subject. */
export const places: { readonly [name: string]: Effect.Effect<Values, unknown, Scope.Scope> } = {
  connectors,
  sessions,
  effects,
  requests,
  responses,
  internals,
  data,
  redirects,
  webSockets,
  jars,
  credentials,
  mocks,
  cassettes,
  traces,
  spans,
  platform,
  middlewares,
  fibers,
  errors
}
