/**
 * JSON that says where it is wrong.
 */
import type { Details } from "../../../Errors.js"
import { JsonDecodeError } from "../../../Errors.js"

const excerptLength = 100

/** JSON.parse, or what the caller has in its place. */
export const parse = (
  text: string,
  using: ((text: string) => unknown) | undefined,
  details: () => Details
): { readonly value: unknown } | JsonDecodeError => {
  try {
    return { value: using === undefined ? JSON.parse(text) : using(text) }
  } catch (cause) {
    return decodeError(text, using !== undefined, details(), cause)
  }
}

/** What a text is refused with. Only of JSON.parse's failures is the place looked for in the text. */
export const decodeError = (text: string, own: boolean, details: Details, cause: unknown): JsonDecodeError => {
  const position = own ? positionIn(cause, text.length) : faultOf(text)
  return new JsonDecodeError({
    ...details,
    ...(position === undefined ? undefined : { position }),
    excerpt: excerptAround(text, position ?? 0),
    cause
  })
}

const positionIn = (cause: unknown, length: number): number | undefined => {
  const match = cause instanceof Error ? /at position (\d+)/.exec(cause.message) : null
  const position = match === null ? Number.NaN : Number(match[1])
  return position <= length ? position : undefined
}

const excerptAround = (text: string, position: number): string => {
  const start = Math.max(0, Math.min(position - excerptLength / 2, text.length - excerptLength))
  return text.slice(start, start + excerptLength)
}

const space = /[ \t\n\r]*/y
const literal = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const escaped = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/** Where the string that begins at `from` ends, or the place of what it must not hold. */
const stringEnd = (text: string, from: number): { readonly whole: boolean; readonly at: number } => {
  let at = from + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x22) return { whole: true, at: at + 1 }
    if (code < 0x20) break
    if (code === 0x5c) {
      escaped.lastIndex = at
      if (!escaped.test(text)) break
      at = escaped.lastIndex
    } else at++
  }
  return { whole: false, at }
}

/** How far the text is JSON: V8 mostly does not say it. One pass, however deep. */
export const faultOf = (text: string): number => {
  let at = 0
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    if (!pattern.test(text)) return false
    at = pattern.lastIndex
    return true
  }
  const take = (char: string): boolean => {
    match(space)
    if (text[at] !== char) return false
    at++
    return true
  }
  const string = (): boolean => {
    if (text[at] !== '"') return false
    const end = stringEnd(text, at)
    at = end.at
    return end.whole
  }
  const key = (): boolean => {
    match(space)
    return string() && take(":")
  }
  // One entry for each open array (false) or object (true).
  const open: Array<boolean> = []
  for (;;) {
    match(space)
    if (take("[")) {
      open.push(false)
      if (!take("]")) continue
      open.pop()
    } else if (take("{")) {
      open.push(true)
      if (!take("}")) {
        if (!key()) return at
        continue
      }
      open.pop()
    } else if (!(text[at] === '"' ? string() : match(literal))) return at
    // A value has ended.
    for (;;) {
      const within = open[open.length - 1]
      if (within === undefined) {
        match(space)
        return at
      }
      if (take(",")) {
        if (within && !key()) return at
        break
      }
      if (!take(within ? "}" : "]")) return at
      open.pop()
    }
  }
}
