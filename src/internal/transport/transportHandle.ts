/**
 * How a session finds the transport behind a public connector.
 */
import type { Transport } from "./transport.js"

/** What a ConnectorService holds under its TypeId. */
export class TransportHandle {
  readonly transport: Transport

  constructor(transport: Transport) {
    this.transport = transport
  }
}

/** The transport of a connector; anything else than a connector of this package is a defect. */
export const transportOf = (handle: unknown): Transport => {
  if (handle instanceof TransportHandle) return handle.transport
  throw new TypeError("This connector was not made by effect-http-session")
}
