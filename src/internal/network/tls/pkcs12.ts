/**
 * Reads the client key and certificate chain of a PKCS #12 file (RFC 7292). Node's option `pfx` would also trust every
 * certificate of the file as an authority.
 */
import type { KeyObject } from "node:crypto"
import { createDecipheriv, createHash, createPrivateKey, pbkdf2Sync, X509Certificate } from "node:crypto"
import * as tls from "node:tls"
import * as Redacted from "effect/Redacted"
import { SslContextError } from "../../../Errors.js"
import type { Pfx } from "../../../Ssl.js"
import { childrenOf, contentOf, type Der, elementsOf, oidOf, smallInteger, tags } from "./der.js"

export interface Identity {
  /** The client's certificate, then its intermediates. */
  readonly chain: ReadonlyArray<X509Certificate>
  readonly key: KeyObject
}

const pfxError = (description: string) => new SslContextError({ option: "pfx", description })

const oids = {
  data: "1.2.840.113549.1.7.1",
  encryptedData: "1.2.840.113549.1.7.6",
  keyBag: "1.2.840.113549.1.12.10.1.1",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certificateBag: "1.2.840.113549.1.12.10.1.3",
  nestedBag: "1.2.840.113549.1.12.10.1.6",
  x509: "1.2.840.113549.1.9.22.1",
  pbes2: "1.2.840.113549.1.5.13",
  pbkdf2: "1.2.840.113549.1.5.12",
  sha1With3Des: "1.2.840.113549.1.12.1.3"
} as const

/** The hash functions of PBKDF2 by OID. The first is the default (RFC 8018, appendix A.2). */
const hashes = new Map([
  ["1.2.840.113549.2.7", "sha1"],
  ["1.2.840.113549.2.9", "sha256"],
  ["1.2.840.113549.2.10", "sha384"],
  ["1.2.840.113549.2.11", "sha512"]
])

const ciphers = new Map<string, { readonly name: string; readonly size: number }>([
  ["2.16.840.1.101.3.4.1.2", { name: "aes-128-cbc", size: 16 }],
  ["2.16.840.1.101.3.4.1.22", { name: "aes-192-cbc", size: 24 }],
  ["2.16.840.1.101.3.4.1.42", { name: "aes-256-cbc", size: 32 }],
  ["1.2.840.113549.3.7", { name: "des-ede3-cbc", size: 24 }]
])

/** Most rounds of a key derivation, because more would block the process for too long. */
const maxRounds = 10_000_000

const roundsOf = (element: Der | undefined): number => {
  const rounds = smallInteger(element)
  if (rounds === 0 || rounds > maxRounds) {
    throw pfxError(`expected 1 to ${maxRounds} rounds of key derivation, got ${rounds}; export the file again`)
  }
  return rounds
}

const unsupported = () =>
  pfxError(
    "expected encryption with AES or 3DES, got an algorithm that is not supported, such as RC2; export it with AES-256-CBC"
  )

/** Repeats `bytes` up to the next multiple of 64 bytes. */
const padToBlocks = (bytes: Buffer): Buffer => Buffer.alloc(Math.ceil(bytes.length / 64) * 64, bytes)

/** Adds `block` + 1 to each block of 64 bytes, as big-endian numbers. */
const advance = (input: Buffer, block: Buffer): void => {
  for (let start = 0; start < input.length; start += 64) {
    let carry = 1
    for (let i = 63; i >= 0; i--) {
      carry += (input[start + i] ?? 0) + (block[i] ?? 0)
      input[start + i] = carry & 0xff
      carry >>= 8
    }
  }
}

/** Derives key material with SHA-1 for the older scheme (RFC 7292, appendix B.2). `id` 1 makes a key, 2 an IV. */
const derive = (id: 1 | 2, password: Buffer, salt: Buffer, rounds: number, size: number): Buffer => {
  const input = Buffer.concat([padToBlocks(salt), padToBlocks(password)])
  const out: Array<Buffer> = []
  for (let length = 0; length < size; length += 20) {
    let block = createHash("sha1").update(Buffer.alloc(64, id)).update(input).digest()
    for (let i = 1; i < rounds; i++) block = createHash("sha1").update(block).digest()
    out.push(block)
    advance(input, Buffer.alloc(64, block))
  }
  return Buffer.concat(out).subarray(0, size)
}

/** A passphrase for the older scheme: UTF-16 with a final NUL. */
const bmpString = (passphrase: string): Buffer => Buffer.from(`${passphrase}\0`, "utf16le").swap16()

const decipher = (name: string, key: Buffer, iv: Buffer, bytes: Buffer): Buffer => {
  const cipher = createDecipheriv(name, key, iv)
  return Buffer.concat([cipher.update(bytes), cipher.final()])
}

const decrypt = (algorithm: Der | undefined, bytes: Buffer, passphrase: string): Buffer => {
  const [scheme, parameters] = childrenOf(algorithm)
  const [first, second] = childrenOf(parameters)
  if (oidOf(scheme) === oids.sha1With3Des) {
    const salt = contentOf(first, tags.octets)
    const rounds = roundsOf(second)
    const password = bmpString(passphrase)
    const key = derive(1, password, salt, rounds, 24)
    return decipher("des-ede3-cbc", key, derive(2, password, salt, rounds, 8), bytes)
  }
  if (oidOf(scheme) !== oids.pbes2) throw unsupported()
  const [kdf, kdfParameters] = childrenOf(first)
  const [cipherName, iv] = childrenOf(second)
  const [salt, rounds, ...rest] = childrenOf(kdfParameters)
  const prf = rest.find(({ tag }) => tag === tags.sequence)
  const hash = hashes.get(prf === undefined ? "1.2.840.113549.2.7" : oidOf(childrenOf(prf)[0]))
  const cipher = ciphers.get(oidOf(cipherName))
  if (oidOf(kdf) !== oids.pbkdf2 || hash === undefined || cipher === undefined) throw unsupported()
  const key = pbkdf2Sync(passphrase, contentOf(salt, tags.octets), roundsOf(rounds), cipher.size, hash)
  return decipher(cipher.name, key, contentOf(iv, tags.octets), bytes)
}

/** The content of a ContentInfo, decrypted if necessary. */
const contentsOf = (info: Der, passphrase: string): Buffer => {
  const [kind, holder] = childrenOf(info)
  const [inner] = childrenOf(holder, tags.first)
  switch (oidOf(kind)) {
    case oids.data:
      return contentOf(inner, tags.octets)
    case oids.encryptedData: {
      const [, encrypted] = childrenOf(inner)
      const [, algorithm, bytes] = childrenOf(encrypted)
      return decrypt(algorithm, contentOf(bytes, tags.firstPrimitive), passphrase)
    }
    default:
      throw pfxError("expected a file protected by a passphrase, got one protected by a public key")
  }
}

interface KeysAndCertificates {
  readonly keys: Array<KeyObject>
  readonly certificates: Array<X509Certificate>
}

const collect = (bags: Der | undefined, passphrase: string, found: KeysAndCertificates): void => {
  for (const bag of childrenOf(bags)) {
    const [kind, value] = childrenOf(bag)
    const content = contentOf(value, tags.first)
    switch (oidOf(kind)) {
      case oids.keyBag:
        found.keys.push(createPrivateKey({ key: content, format: "der", type: "pkcs8" }))
        break
      case oids.shroudedKeyBag:
        found.keys.push(createPrivateKey({ key: content, format: "der", type: "pkcs8", passphrase }))
        break
      case oids.certificateBag: {
        const [type, holder] = childrenOf(elementsOf(content)[0])
        if (oidOf(type) !== oids.x509) break
        found.certificates.push(new X509Certificate(contentOf(childrenOf(holder, tags.first)[0], tags.octets)))
        break
      }
      case oids.nestedBag:
        collect(elementsOf(content)[0], passphrase, found)
    }
  }
}

/** The certificate of the key and its issuers, except the root, which peers already have. */
const chainOf = ({ certificates, keys }: KeysAndCertificates): Identity => {
  const [key] = keys
  const leaf = certificates.find((certificate) => key !== undefined && certificate.checkPrivateKey(key))
  if (key === undefined) throw pfxError(noKey)
  if (leaf === undefined) throw pfxError(noCertificate)
  const chain = [leaf]
  const rest = new Set(certificates.filter((certificate) => certificate !== leaf))
  for (let last = leaf; ; ) {
    const issuer = [...rest].find((candidate) => last.checkIssued(candidate) && last.verify(candidate.publicKey))
    if (issuer === undefined || issuer.checkIssued(issuer)) return { chain, key }
    rest.delete(issuer)
    chain.push(issuer)
    last = issuer
  }
}

const noKey = "expected a private key in the file, got none"
const noCertificate = "expected a certificate for the private key in the file, got none"
const notPkcs12 = "expected a PKCS #12 file in DER"

/** Lets OpenSSL check the MAC of the file, which also checks the passphrase. */
const verify = (bytes: Buffer, passphrase: string | undefined): void => {
  try {
    tls.createSecureContext({ pfx: bytes, ...(passphrase === undefined ? {} : { passphrase }) })
  } catch (error) {
    const message = error instanceof Error ? error.message : ""
    if (/mac verif/i.test(message)) {
      throw pfxError(
        passphrase === undefined
          ? "expected a passphrase for the encrypted file, got none"
          : "expected the passphrase that decrypts the file, got another, or the file was changed"
      )
    }
    if (/unsupported/i.test(message)) throw unsupported()
    if (/private key/.test(message)) throw pfxError(noKey)
    if (/certificate/.test(message)) throw pfxError(noCertificate)
    throw pfxError(notPkcs12)
  }
}

const toBytes = (pfx: Pfx): Buffer => {
  const value: unknown = Redacted.isRedacted(pfx) ? Redacted.value(pfx) : pfx
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (typeof value === "string") return Buffer.from(value, "base64")
  throw pfxError("expected a Uint8Array, or base64 in a Redacted")
}

/** Reads and checks a file. Throws `SslContextError`, which does not contain anything from the file. */
export const readPfx = (pfx: Pfx, secret: string | Redacted.Redacted | undefined): Identity => {
  const bytes = toBytes(pfx)
  const passphrase = Redacted.isRedacted(secret) ? Redacted.value(secret) : secret
  verify(bytes, passphrase)
  const found: KeysAndCertificates = { keys: [], certificates: [] }
  try {
    const [, authSafe] = childrenOf(elementsOf(bytes)[0])
    if (authSafe === undefined) throw pfxError(notPkcs12)
    for (const info of childrenOf(elementsOf(contentsOf(authSafe, passphrase ?? ""))[0])) {
      collect(elementsOf(contentsOf(info, passphrase ?? ""))[0], passphrase ?? "", found)
    }
  } catch (error) {
    throw error instanceof SslContextError ? error : pfxError(notPkcs12)
  }
  return chainOf(found)
}
