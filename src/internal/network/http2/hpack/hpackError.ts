/**
 * A block of fields violates RFC 7541, so the tables of both ends may differ from now on: the connection must end with
 * COMPRESSION_ERROR (RFC 9113, section 4.3). The message has the form "expected what, got what".
 */
export class HpackError extends Error {
  override readonly name = "HpackError"
}
