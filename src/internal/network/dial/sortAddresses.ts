/** Orders the addresses of a name for the race: families alternate, and the first address rotates. */
import * as Arr from "effect/Array"
import type { Address } from "../../../Resolver.js"

const rotate = (addresses: ReadonlyArray<Address>, turn: number): ReadonlyArray<Address> => {
  const by = addresses.length === 0 ? 0 : turn % addresses.length
  return by === 0 ? addresses : [...addresses.slice(by), ...addresses.slice(0, by)]
}

/**
 * Alternates the families, starting with the family of the first address (RFC 8305, section 4). Within a family, each
 * `turn` starts with the next address, which distributes the load over the hosts.
 */
export const sortAddresses = (
  addresses: Arr.NonEmptyReadonlyArray<Address>,
  turn: number
): Arr.NonEmptyReadonlyArray<Address> => {
  const preferred = addresses[0].family
  const first = rotate(
    addresses.filter((address) => address.family === preferred),
    turn
  )
  const second = rotate(
    addresses.filter((address) => address.family !== preferred),
    turn
  )
  const sorted: Array<Address> = []
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    sorted.push(...first.slice(i, i + 1), ...second.slice(i, i + 1))
  }
  return Arr.isNonEmptyArray(sorted) ? sorted : addresses
}
