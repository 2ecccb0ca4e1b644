/**
 * Combines the `ssl` options of a request and its connector, and the name to verify, into the settings of one
 * handshake.
 */
import type { Fingerprint, Ssl, SslContext } from "../../../Ssl.js"
import type { Http2Offer } from "../../transport/networkStream.js"
import { type HandshakeSettings, makeMaterial, type TlsMaterial } from "./tlsMaterial.js"

/**
 * The settings of one handshake. Settings with equal keys trust the same peers and send the same client certificate.
 */
export interface TlsSettings extends HandshakeSettings {
  /** Consists of digests, pins and the name, and so contains no secret. */
  readonly key: string
  /** SHA-256 digests in lower-case hex. The certificate must match all of them. */
  readonly pins: ReadonlyArray<string>
}

export const SslContextTypeId: "~effect-http-session/Ssl/SslContext" = "~effect-http-session/Ssl/SslContext"

export const FingerprintTypeId: "~effect-http-session/Ssl/Fingerprint" = "~effect-http-session/Ssl/Fingerprint"

// Not fields of the contexts: the material contains keys, which must not appear when a context is printed.
const materials = new WeakMap<SslContext, TlsMaterial>()
const contexts = new WeakMap<Fingerprint, SslContext>()

const contextProto: SslContext = {
  [SslContextTypeId]: SslContextTypeId
}

/** Makes the public value of a context. */
export const makeContext = (material: TlsMaterial): SslContext => {
  const context: SslContext = Object.freeze({ ...contextProto })
  materials.set(context, material)
  return context
}

/** Makes the public value of a pin. The digest must be valid. */
export const makeFingerprint = (sha256: string, verify: boolean, context: SslContext | undefined): Fingerprint => {
  const fingerprint: Fingerprint = Object.freeze({ [FingerprintTypeId]: FingerprintTypeId, sha256, verify })
  if (context !== undefined) contexts.set(fingerprint, context)
  return fingerprint
}

const has = (value: unknown, key: string): value is object =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)

export const isContext = (value: unknown): value is SslContext => has(value, SslContextTypeId)

export const isFingerprint = (value: unknown): value is Fingerprint => has(value, FingerprintTypeId)

/** Whether a value is valid for the option `ssl`. */
export const isSsl = (value: unknown): value is Ssl =>
  typeof value === "boolean" || isContext(value) || isFingerprint(value)

let defaultMaterial: TlsMaterial | undefined

/** The settings for `ssl: true`, created on first use, once per process. */
const materialOfDefault = (): TlsMaterial => {
  defaultMaterial ??= makeMaterial({})
  return defaultMaterial
}

const materialOf = (context: SslContext | undefined): TlsMaterial =>
  (context === undefined ? undefined : materials.get(context)) ?? materialOfDefault()

/** The contexts without the client certificate, by the contexts that they derive from. */
const withoutIdentities = new WeakMap<SslContext, SslContext>()

const contextWithoutIdentity = (context: SslContext): SslContext => {
  const known = withoutIdentities.get(context)
  if (known !== undefined) return known
  const material = materialOf(context)
  const bare = material.forOtherOrigin()
  const result = bare === material ? context : makeContext(bare)
  withoutIdentities.set(context, result)
  return result
}

/**
 * The `ssl` of a request after a redirect to another origin: the same trust and pin, without the client certificate and
 * the `serverHostname` of the context.
 */
export const withoutIdentity = (ssl: Ssl): Ssl => {
  if (isContext(ssl)) return contextWithoutIdentity(ssl)
  const context = isFingerprint(ssl) ? contexts.get(ssl) : undefined
  if (!isFingerprint(ssl) || context === undefined) return ssl
  const bare = contextWithoutIdentity(context)
  return bare === context ? ssl : makeFingerprint(ssl.sha256, ssl.verify, bare)
}

interface Choice {
  readonly material: TlsMaterial
  readonly verify: boolean
  readonly pin: string | undefined
}

const choose = (ssl: Ssl): Choice => {
  if (isContext(ssl)) {
    const material = materialOf(ssl)
    return { material, verify: material.verify, pin: undefined }
  }
  if (isFingerprint(ssl))
    return { material: materialOf(contexts.get(ssl)), verify: ssl.verify === true, pin: ssl.sha256 }
  return { material: materialOfDefault(), verify: ssl !== false, pin: undefined }
}

const combine = (choice: Choice, pins: ReadonlyArray<string>, serverHostname: string | undefined): TlsSettings => {
  const { material, verify } = choice
  const name = serverHostname ?? material.serverHostname
  return {
    key: `${material.key}/${verify ? "verify" : "any"}/${pins.join("+")}/${name ?? ""}`,
    verify,
    pins,
    serverHostname: name,
    alpn: material.alpn,
    onKeyLog: material.onKeyLog,
    renegotiates: material.renegotiates,
    strong: material.strong,
    secureContext: material.secureContext
  }
}

/**
 * The protocols that a handshake offers (RFC 7301): those of the caller, or HTTP/1.1 and HTTP/2 if they are allowed.
 */
export const protocolsOf = ({ alpn }: TlsSettings, http2: Http2Offer): ReadonlyArray<string> => {
  if (alpn !== undefined) return http2 === "never" ? alpn.filter((protocol) => protocol !== "h2") : alpn
  return http2 === "never" ? ["http/1.1"] : http2 === "allowed" ? ["h2", "http/1.1"] : ["h2"]
}

let defaultSettings: TlsSettings | undefined
let unverifiedSettings: TlsSettings | undefined

/**
 * The settings for a request on a connector. The `ssl` of the request replaces that of the connector unless it is
 * `true` or `undefined`; a pin of the connector always applies. Only `false` disables verification; any other invalid
 * value does not. `serverHostname` must be in the canonical form of `namedHost`.
 */
export const settingsOf = (
  request: Ssl | undefined,
  connector: Ssl | undefined,
  serverHostname: string | undefined
): TlsSettings => {
  const connectorPin = isFingerprint(connector) ? connector.sha256 : undefined
  const ssl = request === false || isContext(request) || isFingerprint(request) ? request : (connector ?? true)
  if (serverHostname === undefined && connectorPin === undefined) {
    if (ssl === false) {
      unverifiedSettings ??= combine(choose(false), [], undefined)
      return unverifiedSettings
    }
    if (!isContext(ssl) && !isFingerprint(ssl)) {
      defaultSettings ??= combine(choose(true), [], undefined)
      return defaultSettings
    }
  }
  const choice = choose(ssl)
  const pins = [choice.pin, connectorPin].filter((pin): pin is string => pin !== undefined)
  return combine(choice, [...new Set(pins)].sort(), serverHostname)
}
