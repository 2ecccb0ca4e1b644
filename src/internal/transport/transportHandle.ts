/**
 * How a session finds the transport behind a public connector.
 */
import { showAs } from "../inspection.js"
import type { Transport } from "./transport.js"

/** What a ConnectorService holds under its TypeId. Its field is private, so that no printer finds what is in flight. */
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

/** The transport of a connector; anything else than a connector of this package is a defect. */
export const transportOf = (handle: unknown): Transport => {
  if (handle instanceof TransportHandle) return TransportHandle.transportOf(handle)
  throw new TypeError("This connector was not made by effect-http-session")
}
