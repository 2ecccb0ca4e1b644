/** What differs between the runtimes on which the tests run. */
import { tlsLibrary } from "../../src/internal/network/tls/tlsLibrary.js"

/** Options of a TLS server that may use what OpenSSL refuses at its default security level. */
export const allowWeak: { readonly ciphers?: string } = tlsLibrary().securityLevels
  ? { ciphers: "DEFAULT@SECLEVEL=0" }
  : {}
