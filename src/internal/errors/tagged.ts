/**
 * The base class of every error: a `Data.TaggedError` with a message. It prints without secrets: fields that may
 * contain secrets can be read, but are not enumerable.
 */
import * as Data from "effect/Data"
import { errorCode } from "../errorCode.js"
import { printable, redactHead, redactText, redactUrl } from "../redact.js"
import { sentences } from "./sentences.js"

/** Fields that are never printed, because text of the peer and caught causes may contain credentials. */
const hidden: ReadonlySet<string> = new Set(["headers", "history", "body", "bytes", "cause"])

/**
 * The same by tag, with additional fields. The excerpt of a body is hidden; the excerpt of a head is shown redacted
 * (`excerptOfHead`).
 */
const hiddenOf: { readonly [tag: string]: ReadonlySet<string> } = {
  JsonDecodeError: new Set([...hidden, "excerpt"]),
  ContentTypeError: new Set([...hidden, "excerpt"]),
  StreamResetError: new Set([...hidden, "debug"])
}

const urls: ReadonlySet<string> = new Set(["url", "proxy"])

const texts: ReadonlySet<string> = new Set(["description", "closeReason", "reason", "contentType"])

/** The excerpt of a head as it is printed: at most 100 bytes, of which escaping makes up to four characters each. */
const excerptOfHead = (excerpt: string): string => printable(redactHead(excerpt)).slice(0, 400)

const shown = (name: string, value: unknown): unknown => {
  if (typeof value !== "string") return value
  if (urls.has(name)) return printable(redactUrl(value))
  if (texts.has(name)) return printable(redactText(value))
  if (name === "excerpt") return excerptOfHead(value)
  return value
}

/** How many nested causes are kept, because causes may form a cycle. */
const maxDepth = 8

/** Removes the quote from V8's message for malformed JSON: `Unexpected token 'x', ..."{"a":1x" is not valid JSON`. */
const withoutQuote = (message: string): string => {
  if (!message.endsWith("is not valid JSON")) return message
  const quote = message.search(/(?:^|, )(?:\.\.\.)?"/)
  if (quote === -1) return message
  return quote === 0 ? "The text is not valid JSON" : `${message.slice(0, quote)} in the text, which is not valid JSON`
}

/** The text of a foreign error without the credentials and bodies that it quotes. */
const safeText = (error: Error, text: string): string =>
  redactText(error instanceof SyntaxError ? withoutQuote(text) : text)

/** The stack of an error with `message` in place of the original one, with which the stack starts. */
const safeStack = (error: Error, message: string): string => {
  const { stack = "" } = error
  const at = stack.indexOf(error.message)
  const frames = at === -1 ? stack : stack.slice(at + error.message.length)
  return at === -1 ? redactText(stack) : redactText(stack.slice(0, at)) + message + redactText(frames)
}

/** The error of `new URL`, which quotes the whole input. Deno's has no code. */
const isUrlError = (cause: unknown): boolean =>
  errorCode(cause) === "ERR_INVALID_URL" || (cause instanceof TypeError && cause.message.startsWith("Invalid URL"))

/**
 * A foreign error, or a copy with redacted text if the text contains secrets. The copy is an instance of the same
 * class.
 */
export const safeCause = (cause: unknown, depth = maxDepth): unknown => {
  if (!(cause instanceof Error) || isOurs(cause)) return cause
  // Node's error for an invalid URL holds the input, which may contain a password.
  if (isUrlError(cause)) return undefined
  const message = safeText(cause, cause.message)
  const inner = depth === 0 ? undefined : safeCause(cause.cause, depth - 1)
  if (message === cause.message && inner === cause.cause) return cause
  return Object.create(cause, {
    message: { value: message, enumerable: false },
    ...(inner === cause.cause ? undefined : { cause: { value: inner, enumerable: false } }),
    stack: { value: safeStack(cause, message), enumerable: false },
    toString: { value: () => `${cause.name}: ${message}`, enumerable: false }
  })
}

/** Marks the prototypes of this package's errors, whose rendering is safe. */
const safe = Symbol("safe")

const isOurs = (error: object): boolean => safe in error

/** A cause in JSON and inspection: errors of this package completely, of others only the kind. */
const summary = (cause: unknown): unknown => {
  if (typeof cause !== "object" || cause === null) return typeof cause
  if (isOurs(cause)) return cause
  const out: { name?: string; _tag?: string; code?: string } = {}
  if (cause instanceof Error) out.name = printable(cause.name)
  if ("_tag" in cause && typeof cause._tag === "string") out._tag = cause._tag
  const code = errorCode(cause)
  if (code !== undefined) out.code = code
  return out
}

const nodeInspect = Symbol.for("nodejs.util.inspect.custom")

/** The type of `Data.TaggedError(tag)`. */
export type TaggedErrorClass<Tag extends string> = ReturnType<typeof Data.TaggedError<Tag>>

/** `Data.TaggedError` for the errors of this package. */
export const tagged = <Tag extends string>(tag: Tag): TaggedErrorClass<Tag> => {
  const concealed = hiddenOf[tag] ?? hidden
  // Each sentence takes the error of its own tag, which an index by tag cannot express.
  const sentence =
    (sentences as { readonly [tag: string]: (fields: object, cause: unknown) => string })[tag] ?? (() => tag)

  class Tagged extends Data.TaggedError(tag)<{ readonly [field: string]: unknown }> {
    constructor(fields: { readonly [field: string]: unknown }) {
      const visible: { [field: string]: unknown } = {}
      for (const name of Object.keys(fields)) {
        const value = fields[name]
        if (value !== undefined && !concealed.has(name)) visible[name] = shown(name, value)
      }
      const cause = safeCause(fields.cause)
      const message = printable(sentence(visible, cause))
      visible.message = message
      super(visible)
      for (const name of concealed) {
        const value = name === "cause" ? cause : fields[name]
        if (value !== undefined) {
          Object.defineProperty(this, name, { configurable: true, enumerable: false, value, writable: false })
        }
      }
    }

    get [safe](): true {
      return true
    }

    /** The fields that may be shown, and the message. */
    override toJSON(): object {
      const json: { [field: string]: unknown } = { ...this, message: this.message }
      if (this.cause !== undefined) json.cause = summary(this.cause)
      return json
    }

    [nodeInspect](depth: number, options: object, inspect?: (value: unknown, options: object) => string): string {
      const head = this.stack ?? this.toString()
      if (depth < 0 || inspect === undefined) return head
      const fields: { [field: string]: unknown } = { ...this }
      // The first line shows both already.
      delete fields._tag
      delete fields.message
      if (this.cause !== undefined) fields.cause = summary(this.cause)
      return `${head} ${inspect(fields, { ...options, depth })}`
    }
  }

  // A class cannot be generic in the shape of its own instances; `Data.TaggedError` casts in the same way.
  return Tagged as unknown as TaggedErrorClass<Tag>
}
