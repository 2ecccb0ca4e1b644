/** Reads the certificate authorities that a context trusts: from options, from Node and from the system. */
import type { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import * as tls from "node:tls"
import { SslContextError } from "../../../Errors.js"
import type { ContextOptions } from "../../../Ssl.js"
import { readCertificates } from "./pem.js"

export interface Authorities {
  /** From the `ca` option. */
  readonly fromOption: ReadonlyArray<X509Certificate>
  /** Whether Node's authorities are trusted, including those of NODE_EXTRA_CA_CERTS. */
  readonly bundled: boolean
  /** The system's authorities, as PEM. */
  readonly system: ReadonlyArray<string>
}

/** Calls `tls.getCACertificates`, which exists since Node 22.15 and 23.10; `undefined` in older versions. */
const certificatesOf = (kind: "default" | "system", node: object): ReadonlyArray<string> | undefined => {
  const list: unknown = Reflect.get(node, "getCACertificates")
  if (typeof list !== "function") return undefined
  const found: unknown = Reflect.apply(list, node, [kind])
  return Array.isArray(found) ? found.filter((each): each is string => typeof each === "string") : undefined
}

let extra: ReadonlyArray<string> | undefined

/** The certificates of NODE_EXTRA_CA_CERTS. An unreadable file is ignored, like by Node, which warns when it starts. */
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

/** The certificates that Node trusts by default, as PEM. `node` is the `node:tls` module; tests pass another. */
export const nodeCertificates = (node: object = tls): ReadonlyArray<string> =>
  certificatesOf("default", node) ?? [...tls.rootCertificates, ...extraCertificates()]

/** The system's certificates, as PEM. Throws `SslContextError` if this version of Node cannot read them. */
export const systemCertificates = (node: object = tls): ReadonlyArray<string> => {
  const found = certificatesOf("system", node)
  if (found !== undefined) return found
  throw new SslContextError({
    option: "systemCa",
    description: `expected Node 22.15, 23.10 or newer, got ${process.versions.node}; name the system's file with ca`
  })
}

/** Reads the authorities of the options. Throws `SslContextError`. */
export const readAuthorities = (options: ContextOptions): Authorities => ({
  fromOption: options.ca === undefined ? [] : readCertificates("ca", options.ca),
  bundled: options.bundledCa ?? options.ca === undefined,
  system: options.systemCa === true ? systemCertificates() : []
})

/** The option `ca` of a secure context; `undefined` for the defaults of Node. */
export const toCa = ({ bundled, fromOption, system }: Authorities): Array<string> | undefined =>
  bundled && fromOption.length === 0 && system.length === 0
    ? undefined
    : [...(bundled ? nodeCertificates() : []), ...system, ...fromOption.map(String)]
