/**
 * Reads and checks certificates, keys and revocation lists in PEM or DER. Errors name the option and never contain its
 * value.
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

const optionError = (option: string, description: string) => new SslContextError({ option, description })

const toBytes = (option: string, pem: Pem): Uint8Array => {
  const value: unknown = Redacted.isRedacted(pem) ? Redacted.value(pem) : pem
  if (typeof value === "string") return Buffer.from(value)
  if (value instanceof Uint8Array) return value
  throw optionError(option, "expected a string or a Uint8Array")
}

/**
 * Whether the bytes are DER, which starts with a SEQUENCE tag. As this is "0" in ASCII, also excludes text with PEM.
 */
const isDer = (bytes: Uint8Array): boolean => bytes[0] === 0x30 && !Buffer.from(bytes).includes("-----BEGIN ")

const boundary = /-----(BEGIN|END) ([A-Z0-9 ]+)-----/g

interface Section {
  readonly label: string
  /** The offset of the BEGIN line. */
  readonly start: number
  /** The offsets of the base64 text between the lines. */
  readonly from: number
  readonly to: number
  /** The offset after the END line. */
  readonly end: number
}

/** The sections between BEGIN and END lines. A section is `undefined` if its lines do not match. */
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
    if (section === undefined) throw optionError(option, "expected PEM with matching BEGIN and END lines")
    const { from, label, to } = section
    return { label, der: Buffer.from(text.slice(from, to), "base64") }
  })
}

/** The blocks with one of the labels. Throws for a text without one, which is probably the wrong file. */
const someOf = (
  option: string,
  kind: string,
  bytes: Uint8Array,
  labels: ReadonlyArray<string>
): ReadonlyArray<Uint8Array> => {
  const blocks = blocksOf(option, bytes).filter(({ label }) => labels.includes(label))
  if (blocks.length === 0) throw optionError(option, `expected a ${kind} in PEM or DER, got none`)
  return blocks.map(({ der }) => der)
}

const isList = (pems: Pem | ReadonlyArray<Pem>): pems is ReadonlyArray<Pem> => Array.isArray(pems)

const listOf = (pems: Pem | ReadonlyArray<Pem>): ReadonlyArray<Pem> => (isList(pems) ? pems : [pems])

const readCertificate = (option: string, der: Uint8Array): X509Certificate => {
  try {
    return new X509Certificate(der)
  } catch {
    throw optionError(option, "expected a valid X.509 certificate")
  }
}

/** Reads all certificates, in PEM or DER. Throws if there are none. */
export const readCertificates = (option: string, pems: Pem | ReadonlyArray<Pem>): ReadonlyArray<X509Certificate> => {
  const certificates = listOf(pems).flatMap((pem) => {
    const bytes = toBytes(option, pem)
    if (isDer(bytes)) return [readCertificate(option, bytes)]
    return someOf(option, "certificate", bytes, ["CERTIFICATE", "X509 CERTIFICATE"]).map((der) =>
      readCertificate(option, der)
    )
  })
  if (certificates.length === 0) throw optionError(option, "expected a certificate, got none")
  return certificates
}

const toPem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString("base64")
    .replace(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`

/** Reads all revocation lists, as PEM. Throws if there are none. OpenSSL parses them later. */
export const readRevocationLists = (option: string, pems: Pem | ReadonlyArray<Pem>): ReadonlyArray<string> => {
  const lists = listOf(pems).flatMap((pem) => {
    const bytes = toBytes(option, pem)
    if (isDer(bytes)) return [toPem("X509 CRL", bytes)]
    return someOf(option, "revocation list", bytes, ["X509 CRL", "CRL"]).map((der) => toPem("X509 CRL", der))
  })
  if (lists.length === 0) throw optionError(option, "expected a revocation list, got none")
  return lists
}

const keyProblem = (error: unknown, passphrase: string | undefined): string => {
  const code = errorCode(error) ?? ""
  if (code === "ERR_MISSING_PASSPHRASE" || (passphrase === undefined && /INTERRUPTED|CANCELLED/.test(code))) {
    return "expected a passphrase for the encrypted key, got none"
  }
  if (passphrase !== undefined && /BAD_DECRYPT|CIPHERFINAL|BAD_PASSWORD|PKCS12|MAC/.test(code)) {
    return "expected the passphrase that decrypts the key, got another"
  }
  return unreadableKey
}

const unreadableKey = "expected a private key in PEM or DER that OpenSSL supports"

/** The first private key of a text, which may also contain certificates and parameters. */
const keyBlock = (option: string, bytes: Buffer): string => {
  const text = bytes.toString("latin1")
  const section = sectionsOf(text).find((found) => found?.label.endsWith("PRIVATE KEY"))
  if (section === undefined) throw optionError(option, "expected a private key in PEM or DER, got none")
  return text.slice(section.start, section.end)
}

/** Reads a private key: any PEM, or DER of PKCS #8, PKCS #1 or SEC 1. */
export const readKey = (option: string, pem: Pem, passphrase: string | Redacted.Redacted | undefined): KeyObject => {
  const bytes = Buffer.from(toBytes(option, pem))
  const secret = Redacted.isRedacted(passphrase) ? Redacted.value(passphrase) : passphrase
  const unlock = secret === undefined ? {} : { passphrase: secret }
  const attempts = isDer(bytes)
    ? (["pkcs8", "pkcs1", "sec1"] as const).map(
        (type) => () => createPrivateKey({ key: bytes, format: "der", type, ...unlock })
      )
    : [() => createPrivateKey({ key: keyBlock(option, bytes), format: "pem", ...unlock })]
  let problem = unreadableKey
  for (const attempt of attempts) {
    try {
      return attempt()
    } catch (error) {
      if (error instanceof SslContextError) throw error
      problem = keyProblem(error, secret)
    }
  }
  throw optionError(option, problem)
}

/** A key as unencrypted PEM, for OpenSSL. */
export const keyToPem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString()

/** A digest of a key, independent of its encoding and passphrase. */
export const keyDigest = (key: KeyObject): string =>
  createHash("sha256")
    .update(key.export({ type: "pkcs8", format: "der" }))
    .digest("hex")
