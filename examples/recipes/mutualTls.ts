import { Config, Effect, Layer } from "effect"
import { ClientResponse, Session, Ssl } from "effect-http-session"

/** Trusts the company's authority only, and shows this device's certificate. It needs a `FileSystem`. */
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

/** From the environment, so that a renewed certificate needs no new release. */
const pin = Config.string("API_FINGERPRINT").pipe(Config.mapAttempt((text) => Ssl.fingerprint(text)))

/** Accepts the one certificate of API_FINGERPRINT, regardless of its issuer. */
export const pinned = (baseUrl: string) =>
  Layer.unwrapEffect(Effect.map(pin, (ssl) => Session.layer({ baseUrl, connector: { ssl } })))

/** While the server changes from one certificate to another: tries the next one. */
export const status = (url: string, current: Ssl.Fingerprint, next: Ssl.Fingerprint) =>
  Session.get(url, { ssl: current }).pipe(
    ClientResponse.text,
    Effect.catchTag("FingerprintMismatch", () => Session.get(url, { ssl: next }).pipe(ClientResponse.text))
  )
