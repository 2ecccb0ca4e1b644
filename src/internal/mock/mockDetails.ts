/** Details of the request that a mock answers, for errors that its handler returns. */
import * as Context from "effect/Context"
import type { Details } from "../../Errors.js"

/** Provided around each handler. The default is for handlers that run outside a mock. */
export class MockDetails extends Context.Reference<MockDetails>()("effect-http-session/internal/MockDetails", {
  defaultValue: (): Details & { readonly host: string; readonly port: number } => ({ host: "localhost", port: 80 })
}) {}
