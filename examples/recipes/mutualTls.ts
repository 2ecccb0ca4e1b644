import { Config, Effect, Layer } from "effect"
import { ClientResponse, Session, Ssl } from "effect-http-session"

/** Trusts only the company's authority, and sends the certificate of this device. Requires a `FileSystem`. */
export const device = (directory: string, baseUrl: string) =>
  Layer.unwrapEffect(
    Effect.map(
      Ssl.contextFromFiles({
        caFile: `${directory}/ca.pem`,
        certFile: `${directory}/device.pem`,
        keyFile: `${directory}/device.key`
      }),
      (ssl) => Session.layer({ baseUrl, connector: { ssl } })
    )
  )

/** Reads the fingerprint from the environment, so that a renewed certificate needs no new release. */
const pin = Config.string("API_FINGERPRINT").pipe(Config.mapAttempt((text) => Ssl.fingerprint(text)))

/** Accepts only the certificate with the fingerprint API_FINGERPRINT, regardless of its issuer. */
export const pinned = (baseUrl: string) =>
  Layer.unwrapEffect(Effect.map(pin, (ssl) => Session.layer({ baseUrl, connector: { ssl } })))

/** Tries the pin of the next certificate if the server already has it. */
export const status = (url: string, current: Ssl.Fingerprint, next: Ssl.Fingerprint) =>
  Session.get(url, { ssl: current }).pipe(
    ClientResponse.text,
    Effect.catchTag("FingerprintMismatch", () => Session.get(url, { ssl: next }).pipe(ClientResponse.text))
  )
