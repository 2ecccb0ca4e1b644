/** A module that does nothing, for `probe.ts`. */
export {}
