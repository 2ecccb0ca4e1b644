/**
 * Directives of Cache-Control (RFC 9111 section 5.2).
 */

/** By lower-case name; "" where there is no argument. */
export type Directives = ReadonlyMap<string, string>

const directive = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g

/** Of repeated directives the first. */
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

/** The seconds of a directive; what is no number counts as 0, which is on the safe side but for max-stale. */
export const seconds = (directives: Directives, name: string): number | undefined => {
  const value = directives.get(name)
  if (value === undefined) return undefined
  return /^\d{1,15}$/.test(value) ? Number(value) : 0
}
