/**
 * Details of the request that a mock answers, for the errors that its handler returns.
 */
import * as Context from "effect/Context"
import type { Details } from "../../Errors.js"

/** Set by the mock around each handler; the default serves handlers that run outside a mock. */
export class MockDetails extends Context.Reference<MockDetails>()("effect-http-session/internal/MockDetails", {
  defaultValue: (): Details & { readonly host: string; readonly port: number } => ({ host: "localhost", port: 80 })
}) {}
