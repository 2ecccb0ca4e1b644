/**
 * Certificates made when an example starts: an authority, and whatever it signs. The tests' own.
 */
export { type Authority, type Issued, makeAuthority, type Standard, standard } from "../../test/support/certificates.js"
