/**
 * Detects the features of the runtime's TLS library by using them. OpenSSL (Node) has security levels, BoringSSL (Bun)
 * applies cipher lists but has no levels, and rustls (Deno) accepts any cipher list and ignores it.
 */
import * as tls from "node:tls"

export interface TlsLibrary {
  /**
   * Whether a cipher list can set a security level. Otherwise `weakness` checks keys and signatures, and the handshake
   * checks the result of the verification, because the library hides the certificate that it rejects.
   */
  readonly securityLevels: boolean
  /** Whether cipher lists are applied. A library that ignores them ignores revocation lists too. */
  readonly cipherLists: boolean
  /** Whether cipher lists are applied to TLS 1.3. */
  readonly tls13CipherLists: boolean
}

const accepts = (ciphers: string): boolean => {
  try {
    tls.createSecureContext({ ciphers })
    return true
  } catch {
    return false
  }
}

let library: TlsLibrary | undefined

/** The features of the library, which are detected once per process. */
export const tlsLibrary = (): TlsLibrary => {
  if (library !== undefined) return library
  const cipherLists = !accepts("HIGH:@NO_SUCH_COMMAND")
  library = {
    securityLevels: cipherLists && accepts("HIGH:@SECLEVEL=2"),
    cipherLists,
    tls13CipherLists: cipherLists && !accepts("HIGH:TLS_NO_SUCH_SUITE")
  }
  return library
}
