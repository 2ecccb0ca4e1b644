/**
 * The authorities that a context trusts: its own, those of Node and those of the system.
 */
import type { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import * as tls from "node:tls"
import { SslContextError } from "../../../Errors.js"
import type { ContextOptions } from "../../../Ssl.js"
import { readCertificates } from "./pem.js"

export interface Authorities {
  readonly own: ReadonlyArray<X509Certificate>
  /** Whether Node's count, with those of NODE_EXTRA_CA_CERTS. */
  readonly bundled: boolean
  /** PEM. */
  readonly system: ReadonlyArray<string>
}

/** A list of Node's own, from 22.15 and 23.10 on; `undefined` for an older one, or where it is none. */
const listOf = (kind: "default" | "system", node: object): ReadonlyArray<string> | undefined => {
  const list: unknown = Reflect.get(node, "getCACertificates")
  if (typeof list !== "function") return undefined
  const found: unknown = Reflect.apply(list, node, [kind])
  return Array.isArray(found) ? found.filter((each): each is string => typeof each === "string") : undefined
}

let extra: ReadonlyArray<string> | undefined

/** The file is read once, as Node does, which warns when it starts of one that it cannot read, and ignores it. */
const extraCertificates = (): ReadonlyArray<string> => {
  const path = process.env.NODE_EXTRA_CA_CERTS
  if (extra !== undefined || path === undefined || path === "") return extra ?? []
  try {
    extra = readCertificates("bundledCa", readFileSync(path)).map(String)
  } catch {
    extra = []
  }
  return extra
}

/** PEM of the certificates that Node trusts where no authority is named. `node` has what `node:tls` exports. */
export const nodeCertificates = (node: object = tls): ReadonlyArray<string> =>
  listOf("default", node) ?? [...tls.rootCertificates, ...extraCertificates()]

/** PEM of the system's certificates. Throws `SslContextError` where Node does not read them. */
export const systemCertificates = (node: object = tls): ReadonlyArray<string> => {
  const found = listOf("system", node)
  if (found !== undefined) return found
  throw new SslContextError({
    option: "systemCa",
    description: `expected Node 22.15, 23.10 or newer, got ${process.versions.node}; name the system's file with ca`
  })
}

export const readAuthorities = (options: ContextOptions): Authorities => ({
  own: options.ca === undefined ? [] : readCertificates("ca", options.ca),
  bundled: options.bundledCa ?? options.ca === undefined,
  system: options.systemCa === true ? systemCertificates() : []
})

/** OpenSSL's `ca`; `undefined` stands for Node's. */
export const toCa = ({ bundled, own, system }: Authorities): Array<string> | undefined =>
  bundled && own.length === 0 && system.length === 0
    ? undefined
    : [...(bundled ? nodeCertificates() : []), ...system, ...own.map(String)]
