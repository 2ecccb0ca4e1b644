/** Network failures that the handler of a mock can return. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import {
  ClientConnectorCertificateError,
  ClientConnectorDNSError,
  ClientConnectorError,
  ClientConnectorSSLError,
  type Details,
  ServerDisconnectedError
} from "../../Errors.js"
import type { Certificate } from "../../Ssl.js"
import { MockDetails } from "../mock/mockDetails.js"

const failWith = <E>(make: (details: Details & { readonly host: string; readonly port: number }) => E) =>
  Effect.flatMap(MockDetails, (details) => Effect.fail(make(details)))

const systemError = (code: string, syscall: string): Error =>
  Object.assign(new Error(`${syscall} ${code}`), { code, syscall })

const certificate = (names: ReadonlyArray<string>, validTo: string): Certificate => ({
  subject: `CN=${names[0]}`,
  issuer: "CN=Test CA",
  names,
  validFrom: DateTime.unsafeMake("2000-01-01T00:00:00Z"),
  validTo: DateTime.unsafeMake(validTo),
  sha256: "0".repeat(64)
})

export const refused = failWith(
  (details) =>
    new ClientConnectorError({
      ...details,
      reason: "Connect",
      code: "ECONNREFUSED",
      cause: systemError("ECONNREFUSED", "connect")
    })
)

export const dnsNotFound = failWith(
  (details) =>
    new ClientConnectorDNSError({
      ...details,
      phase: "dns",
      code: "ENOTFOUND",
      cause: systemError("ENOTFOUND", "getaddrinfo")
    })
)

export const certificateExpired = failWith(
  (details) =>
    new ClientConnectorSSLError({
      ...details,
      phase: "tls",
      reason: "Expired",
      code: "CERT_HAS_EXPIRED",
      certificate: certificate([details.host], "2000-01-02T00:00:00Z")
    })
)

export const wrongHost = failWith(
  (details) =>
    new ClientConnectorCertificateError({
      ...details,
      phase: "tls",
      reason: "HostnameMismatch",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
      certificate: certificate(["wrong.host.invalid"], "2100-01-01T00:00:00Z")
    })
)

export const disconnected = failWith(
  (details) => new ServerDisconnectedError({ ...details, phase: "headers", reused: false, received: 0 })
)

export const resetAfter = (body: string | Uint8Array): Response => {
  let delivered = false
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (delivered) controller.error(systemError("ECONNRESET", "read"))
        else controller.enqueue(typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body))
        delivered = true
      }
    },
    { highWaterMark: 0 }
  )
  return new Response(stream)
}
