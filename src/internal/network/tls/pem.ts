/**
 * Certificates, keys and revocation lists as people hand them over, read and checked. What fails here names the option
 * and never holds what was in it.
 */
import type { KeyObject } from "node:crypto"
import { createHash, createPrivateKey, X509Certificate } from "node:crypto"
import * as Redacted from "effect/Redacted"
import { SslContextError } from "../../../Errors.js"
import type { Pem } from "../../../Ssl.js"
import { errorCode } from "../../errorCode.js"

interface Block {
  readonly label: string
  readonly der: Uint8Array
}

const refuse = (option: string, description: string) => new SslContextError({ option, description })

const toBytes = (option: string, pem: Pem): Uint8Array => {
  const value: unknown = Redacted.isRedacted(pem) ? Redacted.value(pem) : pem
  if (typeof value === "string") return Buffer.from(value)
  if (value instanceof Uint8Array) return value
  throw refuse(option, "is neither text nor bytes")
}

/** DER starts with a SEQUENCE, which as text is a "0". */
const isDer = (bytes: Uint8Array): boolean => bytes[0] === 0x30 && !Buffer.from(bytes).includes("-----BEGIN ")

const boundary = /-----(BEGIN|END) ([A-Z0-9 ]+)-----/g

interface Section {
  readonly label: string
  /** Places in the text: of the first line, of what is between the lines, and after the last one. */
  readonly start: number
  readonly from: number
  readonly to: number
  readonly end: number
}

/** Sections from a BEGIN line to the END line that follows it; `undefined` where one does not belong to the other. */
const sectionsOf = (text: string): ReadonlyArray<Section | undefined> => {
  const sections: Array<Section | undefined> = []
  let open: { readonly label: string; readonly start: number; readonly from: number } | undefined
  for (const { 0: line, 1: kind, 2: label = "", index } of text.matchAll(boundary)) {
    const after = index + line.length
    if (kind === "BEGIN") {
      if (open !== undefined) sections.push(undefined)
      open = { label, start: index, from: after }
    } else if (open !== undefined) {
      sections.push(open.label === label ? { ...open, to: index, end: after } : undefined)
      open = undefined
    }
  }
  if (open !== undefined) sections.push(undefined)
  return sections
}

const blocksOf = (option: string, bytes: Uint8Array): ReadonlyArray<Block> => {
  const text = Buffer.from(bytes).toString("latin1")
  return sectionsOf(text).map((section) => {
    if (section === undefined) throw refuse(option, "holds PEM that is cut or malformed")
    const { from, label, to } = section
    return { label, der: Buffer.from(text.slice(from, to), "base64") }
  })
}

/** The blocks of a kind; each text has at least one, or somebody took the wrong file. */
const someOf = (
  option: string,
  kind: string,
  bytes: Uint8Array,
  labels: ReadonlyArray<string>
): ReadonlyArray<Uint8Array> => {
  const blocks = blocksOf(option, bytes).filter(({ label }) => labels.includes(label))
  if (blocks.length === 0) throw refuse(option, `holds no ${kind}`)
  return blocks.map(({ der }) => der)
}

const isList = (pems: Pem | ReadonlyArray<Pem>): pems is ReadonlyArray<Pem> => Array.isArray(pems)

const listOf = (pems: Pem | ReadonlyArray<Pem>): ReadonlyArray<Pem> => (isList(pems) ? pems : [pems])

const readCertificate = (option: string, der: Uint8Array): X509Certificate => {
  try {
    return new X509Certificate(der)
  } catch {
    throw refuse(option, "holds a certificate that cannot be read")
  }
}

/** All certificates of PEM texts or DER forms; at least one. */
export const readCertificates = (option: string, pems: Pem | ReadonlyArray<Pem>): ReadonlyArray<X509Certificate> => {
  const certificates = listOf(pems).flatMap((pem) => {
    const bytes = toBytes(option, pem)
    if (isDer(bytes)) return [readCertificate(option, bytes)]
    return someOf(option, "certificate", bytes, ["CERTIFICATE", "X509 CERTIFICATE"]).map((der) =>
      readCertificate(option, der)
    )
  })
  if (certificates.length === 0) throw refuse(option, "holds no certificate")
  return certificates
}

const toPem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString("base64")
    .replace(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`

/** All revocation lists, as PEM; at least one. OpenSSL reads them later. */
export const readRevocationLists = (option: string, pems: Pem | ReadonlyArray<Pem>): ReadonlyArray<string> => {
  const lists = listOf(pems).flatMap((pem) => {
    const bytes = toBytes(option, pem)
    if (isDer(bytes)) return [toPem("X509 CRL", bytes)]
    return someOf(option, "revocation list", bytes, ["X509 CRL", "CRL"]).map((der) => toPem("X509 CRL", der))
  })
  if (lists.length === 0) throw refuse(option, "holds no revocation list")
  return lists
}

const keyProblem = (error: unknown, passphrase: string | undefined): string => {
  const code = errorCode(error) ?? ""
  if (code === "ERR_MISSING_PASSPHRASE" || (passphrase === undefined && /INTERRUPTED|CANCELLED/.test(code))) {
    return "is encrypted, and there is no passphrase"
  }
  if (passphrase !== undefined && /BAD_DECRYPT|CIPHERFINAL|BAD_PASSWORD|PKCS12|MAC/.test(code)) {
    return "cannot be decrypted with the passphrase"
  }
  return "cannot be read"
}

/** The first private key of a text that may hold certificates and parameters as well. */
const keyBlock = (option: string, bytes: Buffer): string => {
  const text = bytes.toString("latin1")
  const section = sectionsOf(text).find((found) => found?.label.endsWith("PRIVATE KEY"))
  if (section === undefined) throw refuse(option, "holds no private key")
  return text.slice(section.start, section.end)
}

/** A private key: PEM of any kind, or DER of PKCS #8, PKCS #1 or SEC 1. */
export const readKey = (option: string, pem: Pem, passphrase: string | Redacted.Redacted | undefined): KeyObject => {
  const bytes = Buffer.from(toBytes(option, pem))
  const secret = Redacted.isRedacted(passphrase) ? Redacted.value(passphrase) : passphrase
  const unlock = secret === undefined ? {} : { passphrase: secret }
  const attempts = isDer(bytes)
    ? (["pkcs8", "pkcs1", "sec1"] as const).map(
        (type) => () => createPrivateKey({ key: bytes, format: "der", type, ...unlock })
      )
    : [() => createPrivateKey({ key: keyBlock(option, bytes), format: "pem", ...unlock })]
  let problem = "cannot be read"
  for (const attempt of attempts) {
    try {
      return attempt()
    } catch (error) {
      if (error instanceof SslContextError) throw error
      problem = keyProblem(error, secret)
    }
  }
  throw refuse(option, problem)
}

/** A key in the clear, for OpenSSL. */
export const keyToPem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString()

/** A digest that is the same for the same key, however it was written down. */
export const keyDigest = (key: KeyObject): string =>
  createHash("sha256")
    .update(key.export({ type: "pkcs8", format: "der" }))
    .digest("hex")
