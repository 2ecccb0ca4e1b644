/** Parses the directives of Cache-Control (RFC 9111 section 5.2). */

/** The arguments of directives by lower-case name; "" without an argument. */
export type Directives = ReadonlyMap<string, string>

const directive = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g

/** Parses the values of Cache-Control. Of repeated directives, the first counts. */
export const parseDirectives = (fields: ReadonlyArray<string>): Directives => {
  const out = new Map<string, string>()
  for (const field of fields) {
    for (const [, name = "", quoted, bare] of field.matchAll(directive)) {
      const key = name.toLowerCase()
      if (!out.has(key)) out.set(key, quoted ?? bare ?? "")
    }
  }
  return out
}

/**
 * The seconds of a directive. An invalid number counts as 0, which is cautious for every directive except max-stale.
 */
export const seconds = (directives: Directives, name: string): number | undefined => {
  const value = directives.get(name)
  if (value === undefined) return undefined
  return /^\d{1,15}$/.test(value) ? Number(value) : 0
}
