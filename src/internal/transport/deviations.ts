/** The deviations from HTTP/1.1 that a connection tolerates. The parser sets bits, which programs see as names. */
import type { Deviation } from "../../ClientResponse.js"

export const BareLineFeed = 1
export const FoldedLine = 2
export const SpaceBeforeColon = 4
export const InvalidFieldName = 8
export const ControlCharacter = 16
export const StatusLineSpacing = 32
export const LengthWithChunked = 64
export const RepeatedChunked = 128
export const IdentityCoding = 256
export const ChunkSizeSpacing = 512
export const ChunkExtension = 1024
export const TruncatedCoding = 2048

/** Deviations that leave the end of a message unambiguous, so that the connection may be reused. */
const harmless = ControlCharacter | ChunkSizeSpacing | ChunkExtension | TruncatedCoding

/** Whether a connection with these deviations must not be reused. */
export const mustClose = (bits: number): boolean => (bits & ~harmless) !== 0

const names: ReadonlyArray<readonly [bit: number, name: Deviation]> = [
  [BareLineFeed, "BareLineFeed"],
  [FoldedLine, "FoldedLine"],
  [SpaceBeforeColon, "SpaceBeforeColon"],
  [InvalidFieldName, "InvalidFieldName"],
  [ControlCharacter, "ControlCharacter"],
  [StatusLineSpacing, "StatusLineSpacing"],
  [LengthWithChunked, "LengthWithChunked"],
  [RepeatedChunked, "RepeatedChunked"],
  [IdentityCoding, "IdentityCoding"],
  [ChunkSizeSpacing, "ChunkSizeSpacing"],
  [ChunkExtension, "ChunkExtension"],
  [TruncatedCoding, "TruncatedCoding"]
]

/** The shared list for responses without deviations. */
export const noDeviations: ReadonlyArray<Deviation> = Object.freeze([])

/** The names of the bits, in the order of `Deviation`. */
export const deviationsOf = (bits: number): ReadonlyArray<Deviation> =>
  bits === 0 ? noDeviations : names.flatMap(([bit, name]) => ((bits & bit) === 0 ? [] : [name]))
