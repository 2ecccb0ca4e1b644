/**
 * Parses the text of a body as JSON. An error reports the position of the fault, or an unexpected media type. The
 * caller passes the error classes, because their module imports this one.
 */
import * as Exit from "effect/Exit"
import type { JsonOptions } from "../../ClientResponse.js"
import type { ContentTypeError, Details, JsonDecodeError } from "../../Errors.js"
import * as MediaType from "../http/mediaType.js"

const excerptLength = 100

/** Characters of a body that a `ContentTypeError` keeps. */
const beginningLength = 500

/** The response from which a text comes. */
export interface TextSource {
  readonly status: number
  /** Content-Type as received; `undefined` if absent. */
  readonly typeText: string | undefined
  readonly mediaType: MediaType.MediaType
  /** The details for an error. */
  readonly details: () => Details
}

/** The response has another media type than expected. */
interface TypeFault {
  readonly expected: string
  readonly cause?: unknown
}

/** The text is not JSON. */
interface JsonFault {
  readonly position: number | undefined
  readonly cause: unknown
}

/** The result of parsing a body. */
type Parsed = { readonly value: unknown } | TypeFault | JsonFault

/** Whether a text is white space only. */
const isBlank = (text: string): boolean => /^[ \t\n\r]*$/.test(text)

/** Parses with `using` if it is set, otherwise with JSON.parse, after whose failure it searches the position. */
const parseText = (
  text: string,
  using: ((text: string) => unknown) | undefined
): { readonly value: unknown } | JsonFault => {
  try {
    return { value: using === undefined ? JSON.parse(text) : using(text) }
  } catch (cause) {
    return { cause, position: using === undefined ? faultOf(text) : positionIn(cause, text.length) }
  }
}

/**
 * Parses a body. Checks the media type first if `options` require one, and otherwise only if the text is not JSON, to
 * choose the error.
 */
const parseBody = (source: TextSource, text: string, options: JsonOptions | undefined): Parsed => {
  const essence = source.typeText === undefined ? "" : source.mediaType.essence
  const required = options?.contentType
  if (typeof required === "string" && essence !== required.trim().toLowerCase()) return { expected: required }
  if (text === "") return { value: null }
  const parsed = parseText(text, options?.parse)
  if ("value" in parsed) return parsed
  if (isBlank(text)) return { value: null }
  return required === undefined && !MediaType.isJson(essence)
    ? { expected: "application/json", cause: parsed.cause }
    : parsed
}

const optional = (cause: unknown): { readonly cause?: unknown } => (cause === undefined ? {} : { cause })

/** The error classes that the caller passes. */
export interface JsonErrors {
  readonly ContentTypeError: new (fields: ConstructorParameters<typeof ContentTypeError>[0]) => ContentTypeError
  readonly JsonDecodeError: new (fields: ConstructorParameters<typeof JsonDecodeError>[0]) => JsonDecodeError
}

export class JsonText {
  private readonly errors: JsonErrors

  constructor(errors: JsonErrors) {
    this.errors = errors
  }

  /** Parses the body of a response; `null` for an empty one. */
  decode(
    source: TextSource,
    text: string,
    options: JsonOptions | undefined
  ): Exit.Exit<unknown, ContentTypeError | JsonDecodeError> {
    const parsed = parseBody(source, text, options)
    if ("value" in parsed) return Exit.succeed(parsed.value)
    return Exit.fail(
      "expected" in parsed
        ? this.wrongType(source, parsed.expected, text, parsed.cause)
        : this.notJson(text, parsed, source.details())
    )
  }

  /** Parses a message, which has no media type. An empty message is not JSON. */
  parse(text: string, details: () => Details): { readonly value: unknown } | JsonDecodeError {
    const parsed = parseText(text, undefined)
    return "value" in parsed ? parsed : this.notJson(text, parsed, details())
  }

  /** The error for a body whose Content-Type is not the expected one. */
  wrongType(source: TextSource, expected: string, text: string, cause?: unknown) {
    return new this.errors.ContentTypeError({
      ...source.details(),
      status: source.status,
      contentType: source.typeText ?? "",
      expected,
      excerpt: text.slice(0, beginningLength),
      ...optional(cause)
    })
  }

  private notJson(text: string, { cause, position }: JsonFault, details: Details): JsonDecodeError {
    return new this.errors.JsonDecodeError({
      ...details,
      ...(position === undefined ? undefined : { position }),
      excerpt: excerptAround(text, position ?? 0),
      cause
    })
  }
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

/** Finds the end of the string literal at `from`, or the position of the first invalid character in it. */
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

/**
 * The position up to which the text is JSON, which V8 reports only sometimes. Takes one pass without recursion, so that
 * deep nesting cannot overflow the stack.
 */
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
  // One entry per open array (false) or object (true).
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
