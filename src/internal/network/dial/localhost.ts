/**
 * Resolves the name `localhost` and its subdomains (RFC 6761, section 6.3). They are always the loopback. A resolver is
 * not asked for them, because a name server could redirect them to another machine.
 */
import type * as Arr from "effect/Array"
import type { Address } from "../../../Resolver.js"

const localhost = /(?:^|\.)localhost\.?$/i

/** Whether the name is `localhost` or a subdomain, in any case, with or without a final dot. */
export const isLocalhost = (host: string): boolean => localhost.test(host)

const six: Address = { address: "::1", family: 6 }
const four: Address = { address: "127.0.0.1", family: 4 }

/** The loopback addresses of one family or of both. */
export const loopback = (family: 4 | 6 | undefined): Arr.NonEmptyReadonlyArray<Address> =>
  family === undefined ? [six, four] : [family === 6 ? six : four]
