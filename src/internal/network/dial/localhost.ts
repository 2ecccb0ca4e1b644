/**
 * The names of the loopback (RFC 6761, section 6.3): no resolver is asked for them, so that no name server can send what
 * is meant for this machine to another one.
 */
import type * as Arr from "effect/Array"
import type { Address } from "../../../Resolver.js"

const localhost = /(?:^|\.)localhost\.?$/i

/** Whether the name is `localhost` or below it, in any case, with or without a final dot. */
export const isLocalhost = (host: string): boolean => localhost.test(host)

const six: Address = { address: "::1", family: 6 }
const four: Address = { address: "127.0.0.1", family: 4 }

/** The loopback's addresses, of one family or of both. */
export const loopback = (family: 4 | 6 | undefined): Arr.NonEmptyReadonlyArray<Address> =>
  family === undefined ? [six, four] : [family === 6 ? six : four]
