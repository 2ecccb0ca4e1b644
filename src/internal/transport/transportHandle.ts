/** Links a public connector to its transport. */
import { showAs } from "../inspection.js"
import type { Transport } from "./transport.js"

/**
 * The value of a ConnectorService under its TypeId. Its field is private, so that printing a connector does not show
 * requests in flight.
 */
export class TransportHandle {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  static transportOf(handle: TransportHandle): Transport {
    return handle.#transport
  }

  static {
    showAs(TransportHandle, "Connector/Transport")
  }
}

/** The transport of a connector. Throws for any other value. */
export const transportOf = (handle: unknown): Transport => {
  if (handle instanceof TransportHandle) return TransportHandle.transportOf(handle)
  throw new TypeError("expected a connector made by effect-http-session")
}
