/**
 * The settings that hold for one handshake, out of a request's `ssl`, its connector's, and the name to verify.
 */
import type * as tls from "node:tls"
import type * as Effect from "effect/Effect"
import type { Fingerprint, Ssl, SslContext } from "../../../Ssl.js"
import { makeMaterial, type TlsMaterial } from "./tlsMaterial.js"

/** What one handshake goes by. Equal keys: the same peers are trusted, and the same identity is shown. */
export interface TlsSettings {
  /** Holds no secret: digests, the pins, and the name. */
  readonly key: string
  /** Whether the authority and the name are verified. */
  readonly verify: boolean
  /** SHA-256, lower-case hex; every one has to be met. */
  readonly pins: ReadonlyArray<string>
  /** Sent and verified in place of the URL's host; canonical, as `namedHost` has it. */
  readonly serverHostname: string | undefined
  readonly alpn: ReadonlyArray<string>
  readonly onKeyLog: ((line: string) => Effect.Effect<void>) | undefined
  /** Whether the peer may ask for further handshakes, after each of which it is verified. */
  readonly renegotiates: boolean
  /** Whether a verified chain must be strong by OpenSSL's security level 2. */
  readonly strong: boolean
  /** Built once for each context. */
  readonly secureContext: tls.SecureContext
}

export const SslContextTypeId: "~effect-http-session/Ssl/SslContext" = "~effect-http-session/Ssl/SslContext"

export const FingerprintTypeId: "~effect-http-session/Ssl/Fingerprint" = "~effect-http-session/Ssl/Fingerprint"

// Not fields: keys are in there, and nothing that prints a context may find them.
const materials = new WeakMap<SslContext, TlsMaterial>()
const contexts = new WeakMap<Fingerprint, SslContext>()

const contextProto: SslContext = {
  [SslContextTypeId]: SslContextTypeId
}

/** A context around what was read. */
export const makeContext = (material: TlsMaterial): SslContext => {
  const context: SslContext = Object.freeze({ ...contextProto })
  materials.set(context, material)
  return context
}

/** A pin that was checked. */
export const makeFingerprint = (sha256: string, verify: boolean, context: SslContext | undefined): Fingerprint => {
  const fingerprint: Fingerprint = Object.freeze({ [FingerprintTypeId]: FingerprintTypeId, sha256, verify })
  if (context !== undefined) contexts.set(fingerprint, context)
  return fingerprint
}

const has = (value: unknown, key: string): value is object =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)

export const isContext = (value: unknown): value is SslContext => has(value, SslContextTypeId)

export const isFingerprint = (value: unknown): value is Fingerprint => has(value, FingerprintTypeId)

/** Whether it is anything that `ssl` takes. */
export const isSsl = (value: unknown): value is Ssl =>
  typeof value === "boolean" || isContext(value) || isFingerprint(value)

let defaultMaterial: TlsMaterial | undefined

/** What `true` stands for; made when first used, once for the process. */
const ofDefault = (): TlsMaterial => {
  defaultMaterial ??= makeMaterial({})
  return defaultMaterial
}

const ofContext = (context: SslContext | undefined): TlsMaterial =>
  (context === undefined ? undefined : materials.get(context)) ?? ofDefault()

const anonymous = new WeakMap<SslContext, SslContext>()

const contextElsewhere = (context: SslContext): SslContext => {
  const known = anonymous.get(context)
  if (known !== undefined) return known
  const material = ofContext(context)
  const bare = material.elsewhere()
  const made = bare === material ? context : makeContext(bare)
  anonymous.set(context, made)
  return made
}

/**
 * What is left of a request's `ssl` when a redirect takes it to another origin: the same trust and the same pin, without
 * the client certificate and the context's own `serverHostname`.
 */
export const withoutIdentity = (ssl: Ssl): Ssl => {
  if (isContext(ssl)) return contextElsewhere(ssl)
  const context = isFingerprint(ssl) ? contexts.get(ssl) : undefined
  if (!isFingerprint(ssl) || context === undefined) return ssl
  const bare = contextElsewhere(context)
  return bare === context ? ssl : makeFingerprint(ssl.sha256, ssl.verify, bare)
}

interface Choice {
  readonly material: TlsMaterial
  readonly verify: boolean
  readonly pin: string | undefined
}

const choose = (ssl: Ssl): Choice => {
  if (isContext(ssl)) {
    const material = ofContext(ssl)
    return { material, verify: material.verify, pin: undefined }
  }
  if (isFingerprint(ssl))
    return { material: ofContext(contexts.get(ssl)), verify: ssl.verify === true, pin: ssl.sha256 }
  return { material: ofDefault(), verify: ssl !== false, pin: undefined }
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

let verifying: TlsSettings | undefined
let unverified: TlsSettings | undefined

/**
 * A request's `ssl` in place of its connector's, unless it is `true` or not given; the connector's pin holds in any case.
 * Only `false` itself switches verification off: whatever else a JavaScript program passes verifies. `serverHostname`
 * is canonical, as `namedHost` has it.
 */
export const settingsOf = (
  request: Ssl | undefined,
  connector: Ssl | undefined,
  serverHostname: string | undefined
): TlsSettings => {
  const pinned = isFingerprint(connector) ? connector.sha256 : undefined
  const chosen = request === false || isContext(request) || isFingerprint(request) ? request : (connector ?? true)
  if (serverHostname === undefined && pinned === undefined) {
    if (chosen === false) {
      unverified ??= combine(choose(false), [], undefined)
      return unverified
    }
    if (!isContext(chosen) && !isFingerprint(chosen)) {
      verifying ??= combine(choose(true), [], undefined)
      return verifying
    }
  }
  const choice = choose(chosen)
  const pins = [choice.pin, pinned].filter((pin): pin is string => pin !== undefined)
  return combine(choice, [...new Set(pins)].sort(), serverHostname)
}
