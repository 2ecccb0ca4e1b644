/** The differences between the runtimes on which the tests run. */
import { tlsLibrary } from "../../src/internal/network/tls/tlsLibrary.js"

/** Options of a TLS server that may use what OpenSSL refuses at its default security level. */
export const allowWeak: { readonly ciphers?: string } = tlsLibrary().securityLevels
  ? { ciphers: "DEFAULT@SECLEVEL=0" }
  : {}

const { cipherLists, securityLevels } = tlsLibrary()

/**
 * Whether a test can count descriptors. Where a client and a server of one Bun process have spoken TLS, the sockets of
 * both may stay open after they were destroyed; with a server in another process, they do not.
 */
export const countsDescriptors: boolean = securityLevels || !cipherLists
