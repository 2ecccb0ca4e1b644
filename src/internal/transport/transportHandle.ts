/** Links a public connector to its transport. */
import { showAs } from "../inspection.js"
import type { Transport } from "./transport.js"

/**
 * The value that a ConnectorService has under its TypeId. The field is private, so that printing does not reveal
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

/** The transport of a connector. Any other value is a defect. */
export const transportOf = (handle: unknown): Transport => {
  if (handle instanceof TransportHandle) return TransportHandle.transportOf(handle)
  throw new TypeError("expected a connector made by effect-http-session")
}
