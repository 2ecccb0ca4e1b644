/**
 * Parses the challenges of WWW-Authenticate and Proxy-Authenticate (RFC 9110 section 11.6.1). A field may contain
 * several challenges, and commas separate both challenges and parameters.
 */

export interface Challenge {
  /** In lower case. */
  readonly scheme: string
  readonly token68: string | undefined
  /** By lower-case name. Of repeated parameters, the first counts. */
  readonly params: ReadonlyMap<string, string>
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const token68 = /([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|$)/y
const quoted = /"((?:[^"\\]|\\.)*)"/sy
/** An unquoted value, with the characters that servers use in practice. */
const bare = /[^\s,"]*/y
const separators = /[ \t,]*/y
const equals = /[ \t]*=[ \t]*/y
const spaces = /[ \t]+/y
const garbage = /"(?:[^"\\]|\\.)*"?|[^,"]|,/sy

class Reader {
  private readonly text: string
  at = 0

  constructor(text: string) {
    this.text = text
  }

  get done(): boolean {
    return this.at >= this.text.length
  }

  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match === null) return undefined
    this.at = pattern.lastIndex
    return match
  }
}

interface OpenChallenge {
  readonly scheme: string
  token68: string | undefined
  readonly params: Map<string, string>
}

const parseValue = (reader: Reader): string => {
  const text = reader.take(quoted)?.[1]
  return text === undefined ? (reader.take(bare)?.[0] ?? "") : text.replace(/\\(.)/gs, "$1")
}

const parseField = (text: string, out: Array<Challenge>): void => {
  const reader = new Reader(text)
  let current: OpenChallenge | undefined
  while (!reader.done) {
    reader.take(separators)
    const name = reader.take(token)?.[0]
    if (name === undefined) {
      // Skips text that is neither a scheme nor a parameter. A quoted string is skipped as a whole.
      if (!reader.done) reader.take(garbage)
      continue
    }
    if (reader.take(equals) !== undefined) {
      const value = parseValue(reader)
      const key = name.toLowerCase()
      if (current !== undefined && !current.params.has(key)) current.params.set(key, value)
      continue
    }
    current = { scheme: name.toLowerCase(), token68: undefined, params: new Map() }
    out.push(current)
    if (reader.take(spaces) !== undefined) current.token68 = reader.take(token68)?.[1]
  }
}

/** The challenges of all fields, in order. Malformed parts are skipped. */
export const parseChallenges = (fields: ReadonlyArray<string>): ReadonlyArray<Challenge> => {
  const out: Array<Challenge> = []
  for (const field of fields) parseField(field, out)
  return out
}
