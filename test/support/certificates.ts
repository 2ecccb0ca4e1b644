/**
 * Certificates made by the test that needs them: an authority, and the certificates that it signs. ECDSA P-256 by
 * default; nothing is on disk.
 */
import "reflect-metadata"
import { createHash, webcrypto } from "node:crypto"
import { isIP } from "node:net"
import * as x509 from "@peculiar/x509"
import * as Effect from "effect/Effect"

x509.cryptoProvider.set(webcrypto as unknown as Crypto)

const day = 24 * 60 * 60 * 1000
const p256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
const keyUsage = x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment

/** PEM texts, and the certificate's SHA-256 as 64 lower-case hex digits. */
export interface Issued {
  /** The certificate, followed by the intermediate authority if one issued it. */
  readonly cert: string
  /** PKCS #8. */
  readonly key: string
  readonly sha256: string
  /** The serial number as in the certificate, in upper-case hex. */
  readonly serial: string
}

export interface IssueOptions {
  /** DNS names or IP addresses, for the SAN. Default: localhost, 127.0.0.1, ::1. */
  readonly names?: ReadonlyArray<string>
  /** SAN entries of any kind, after `names`; `dns` may hold an address or a comma. */
  readonly extraNames?: ReadonlyArray<x509.JsonGeneralName>
  /** Default: the first name. */
  readonly commonName?: string
  /** Whether the certificate has a SAN. Default: true. */
  readonly san?: boolean
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** For client authentication rather than for a server. */
  readonly client?: boolean
  /** 2048 or more for RSA in place of ECDSA. */
  readonly rsa?: number
  readonly hash?: "SHA-1" | "SHA-256"
}

export interface IntermediateOptions {
  readonly commonName?: string
  /** Name constraints (RFC 5280, 4.2.1.10): DNS names under which it may issue, and under which it may not. */
  readonly permitted?: ReadonlyArray<string>
  readonly excluded?: ReadonlyArray<string>
}

export interface Authority {
  readonly ca: Issued
  readonly issue: (options?: IssueOptions) => Effect.Effect<Issued>
  /** An intermediate authority under this one; certificates that it issues include its own. */
  readonly intermediate: (options?: IntermediateOptions) => Effect.Effect<Authority>
  /** The list of revoked certificates, as PEM. */
  readonly crl: (revoked: ReadonlyArray<Issued>) => Effect.Effect<string>
}

const orDie = <A>(promise: () => Promise<A>): Effect.Effect<A> => Effect.promise(promise)

const serialNumber = () => {
  const bytes = webcrypto.getRandomValues(new Uint8Array(12))
  // A positive number without a leading zero byte, as DER has it.
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f)
  return Buffer.from(bytes).toString("hex").toUpperCase()
}

const algorithmOf = (options: IssueOptions) =>
  options.rsa === undefined
    ? { ...p256, hash: options.hash ?? "SHA-256" }
    : {
        name: "RSASSA-PKCS1-v1_5",
        hash: options.hash ?? "SHA-256",
        publicExponent: new Uint8Array([1, 0, 1]),
        modulusLength: options.rsa
      }

const generateKeys = (options: IssueOptions) =>
  webcrypto.subtle.generateKey(algorithmOf(options), true, ["sign", "verify"]) as Promise<CryptoKeyPair>

const pemOf = async (certificate: x509.X509Certificate, keys: CryptoKeyPair, chain = ""): Promise<Issued> => {
  const pkcs8 = Buffer.from(
    await webcrypto.subtle.exportKey("pkcs8", keys.privateKey as unknown as webcrypto.CryptoKey)
  )
  return {
    cert: `${certificate.toString("pem")}\n${chain}`,
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString("base64").replace(/.{64}(?=.)/g, "$&\n")}\n-----END PRIVATE KEY-----\n`,
    sha256: createHash("sha256").update(Buffer.from(certificate.rawData)).digest("hex"),
    serial: certificate.serialNumber.toUpperCase()
  }
}

const defaultNames = ["localhost", "127.0.0.1", "::1"]

const subjectOf = (options: IssueOptions): Array<Record<string, Array<string>>> => {
  const commonName = options.commonName ?? (options.names ?? defaultNames)[0] ?? "nobody"
  return [{ CN: [commonName] }]
}

const extensionsOf = (options: IssueOptions): Array<x509.Extension> => {
  const names = (options.names ?? defaultNames).map(
    (value): x509.JsonGeneralName => ({ type: isIP(value) === 0 ? "dns" : "ip", value })
  )
  const all = [...names, ...(options.extraNames ?? [])]
  const usage = options.client === true ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(keyUsage, true),
    new x509.ExtendedKeyUsageExtension([usage]),
    ...(options.san === false || all.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(all)])
  ]
}

const validityOf = (options: IssueOptions) => ({
  notBefore: options.notBefore ?? new Date(Date.now() - day),
  notAfter: options.notAfter ?? new Date(Date.now() + 30 * day)
})

const authorityOf = (
  subject: string,
  certificate: x509.X509Certificate,
  keys: CryptoKeyPair,
  issued: Issued,
  chain: string
): Authority => {
  const sign = (
    name: string | Array<Record<string, Array<string>>>,
    options: IssueOptions,
    publicKey: CryptoKey,
    extensions: Array<x509.Extension>
  ) =>
    x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: name,
      issuer: certificate.subject,
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: { ...p256, hash: options.hash ?? "SHA-256" },
      ...validityOf(options),
      extensions
    })
  return {
    ca: issued,
    issue: (options = {}) =>
      orDie(async () => {
        const own = await generateKeys(options)
        const made = await sign(subjectOf(options), options, own.publicKey, extensionsOf(options))
        return pemOf(made, own, chain)
      }),
    intermediate: (options = {}) =>
      orDie(async () => {
        const own = await generateKeys({})
        const name = options.commonName ?? `Intermediate of ${subject}`
        const made = await sign([{ CN: [name] }], {}, own.publicKey, [
          ...authorityExtensions(),
          ...nameConstraints(options)
        ])
        const pem = await pemOf(made, own)
        return authorityOf(name, made, own, pem, pem.cert)
      }),
    crl: (revoked) =>
      orDie(async () => {
        const list = await x509.X509CrlGenerator.create({
          issuer: certificate.subject,
          thisUpdate: new Date(Date.now() - day),
          nextUpdate: new Date(Date.now() + 30 * day),
          // With a reason: BoringSSL rejects the empty list of extensions that an entry without one would get.
          entries: revoked.map(({ serial }) => ({
            serialNumber: serial,
            revocationDate: new Date(Date.now() - day),
            reason: x509.X509CrlReason.keyCompromise
          })),
          signingAlgorithm: p256,
          signingKey: keys.privateKey
        })
        return list.toString("pem").replace(/(BEGIN|END) CRL/g, "$1 X509 CRL")
      })
  }
}

const authorityExtensions = (): Array<x509.Extension> => [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)
]

/** A tag, a length of one or two bytes, and the content. */
const der = (tag: number, content: Uint8Array): Buffer => {
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const nameConstraints = ({ excluded = [], permitted = [] }: IntermediateOptions): Array<x509.Extension> => {
  if (excluded.length === 0 && permitted.length === 0) return []
  const subtrees = (tag: number, names: ReadonlyArray<string>) =>
    names.length === 0
      ? Buffer.alloc(0)
      : der(tag, Buffer.concat(names.map((name) => der(0x30, der(0x82, Buffer.from(name, "latin1"))))))
  const value = der(0x30, Buffer.concat([subtrees(0xa0, permitted), subtrees(0xa1, excluded)]))
  return [new x509.Extension("2.5.29.30", true, new Uint8Array(value))]
}

/** A new root authority. */
export const makeAuthority = (commonName = "Test Authority"): Effect.Effect<Authority> =>
  orDie(async () => {
    const keys = await generateKeys({})
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: [{ CN: [commonName] }],
      keys,
      signingAlgorithm: p256,
      ...validityOf({}),
      extensions: authorityExtensions()
    })
    return authorityOf(commonName, certificate, keys, await pemOf(certificate, keys), "")
  })

/** A self-signed certificate with the given names. */
export const selfSigned = (options: IssueOptions = {}): Effect.Effect<Issued> =>
  orDie(async () => {
    const keys = await generateKeys(options)
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: subjectOf(options),
      keys,
      signingAlgorithm: algorithmOf(options),
      ...validityOf(options),
      extensions: extensionsOf(options)
    })
    return pemOf(certificate, keys)
  })

/** Certificates that most tests need. */
export interface Standard {
  readonly authority: Authority
  /** The authority's certificate, for `ca`. */
  readonly ca: string
  /** For localhost, 127.0.0.1 and ::1. */
  readonly good: Issued
  readonly expired: Issued
  readonly notYetValid: Issued
  /** For wrong.example only. */
  readonly wrongHost: Issued
  readonly selfSigned: Issued
  /** Of an untrusted authority. */
  readonly untrusted: Issued
  readonly untrustedAuthority: Authority
  /** Names localhost in its CN and has no SAN. */
  readonly cnOnly: Issued
  /** For client authentication. */
  readonly client: Issued
}

const makeStandard: Effect.Effect<Standard> = Effect.gen(function* () {
  const authority = yield* makeAuthority()
  const untrustedAuthority = yield* makeAuthority("Unknown Authority")
  const made = yield* Effect.all(
    {
      good: authority.issue(),
      expired: authority.issue({
        notBefore: new Date(Date.now() - 60 * day),
        notAfter: new Date(Date.now() - 2 * day)
      }),
      notYetValid: authority.issue({ notBefore: new Date(Date.now() + 2 * day) }),
      wrongHost: authority.issue({ names: ["wrong.example"] }),
      selfSigned: selfSigned(),
      untrusted: untrustedAuthority.issue(),
      cnOnly: authority.issue({ commonName: "localhost", san: false }),
      client: authority.issue({ names: ["device"], client: true })
    },
    { concurrency: "unbounded" }
  )
  return { authority, untrustedAuthority, ca: authority.ca.cert, ...made }
})

let standardSet: Promise<Standard> | undefined

/** Made once for each test file. */
export const standard = (): Effect.Effect<Standard> =>
  Effect.promise(() => {
    standardSet ??= Effect.runPromise(makeStandard)
    return standardSet
  })
