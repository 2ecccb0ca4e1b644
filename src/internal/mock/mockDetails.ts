/** The details of the request that a mock answers, for the errors of its handler. */
import * as Context from "effect/Context"
import type { Details } from "../../Errors.js"

/** Provided around each handler. The default applies to handlers that run outside a mock. */
export class MockDetails extends Context.Reference<MockDetails>()("effect-http-session/internal/MockDetails", {
  defaultValue: (): Details & { readonly host: string; readonly port: number } => ({ host: "localhost", port: 80 })
}) {}
