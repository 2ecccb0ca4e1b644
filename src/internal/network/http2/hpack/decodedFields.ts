/** The fields of a block as a decoder returns them, and the limits that it applies. */

/** Limits of one decoded block. All finite. */
export interface FieldLimits {
  /** The largest allowed `DecodedFields.size`. */
  readonly maxHeadSize: number
  /** Fields. */
  readonly maxHeaders: number
  /** Bytes of the name and the value of one field. */
  readonly maxLineSize: number
}

/** The fields of a block, in order. Names and values are latin1: one code unit for each byte. */
export interface DecodedFields {
  readonly names: ReadonlyArray<string>
  readonly values: ReadonlyArray<string>
  /** Positions of the fields that the peer marked as never indexed (RFC 7541, section 7.1.3). */
  readonly neverIndexed: ReadonlyArray<number>
  /** Bytes of all names and values, and 32 for each field (RFC 9113, section 6.5.2). */
  readonly size: number
  /** The limit that the block exceeded first. `fields` then has the fields before it. */
  readonly exceeded: keyof FieldLimits | undefined
}
