/**
 * Certificates made when an example starts: an authority, and certificates that it signs. The tests use the same.
 */
export { type Authority, type Issued, makeAuthority, type Standard, standard } from "../../test/support/certificates.js"
