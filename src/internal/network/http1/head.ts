/**
 * The head of a response, stored as one string with the offsets of its lines. Names and values are cut from it on access.
 */
import { isUtf8 } from "node:buffer"
import type { Head } from "../../transport/transport.js"

/** How the end of a body is found; "close": at the end of the connection. */
export type FramingKind = "none" | "length" | "chunked" | "close"

/** The scanner's findings about a head. Offsets count from its first byte. */
export interface HeadFacts {
  readonly status: number
  /** The minor version: 0 or 1. */
  readonly minor: number
  readonly reasonStart: number
  readonly reasonEnd: number
  /** Whether all bytes of values and the reason phrase are at most 0x7f. */
  readonly ascii: boolean
  /** Whether a value contains line ends. */
  readonly folded: boolean
  /** Whether the connector rejects deviations. */
  readonly strict: boolean
  /** Four per line: start and end of the name, start and end of the value. May be longer than `count` needs. */
  readonly offsets: ReadonlyArray<number>
  /** The number of field lines. */
  readonly count: number
  /** The timeout of Keep-Alive in milliseconds; negative without one. */
  readonly framing: { readonly timeout: number }
}

// In V8 a slice keeps the whole string alive, so slices of longer heads are copied.
const sliceLimit = 4096

/** A received head. */
export class ParsedHead implements Head {
  readonly status: number
  readonly version: "1.0" | "1.1"
  readonly count: number
  readonly framing: FramingKind
  readonly contentLength: number | undefined
  /** Whether version, Connection and framing allow reuse of the connection. Proxy-Connection is ignored. */
  readonly keepAlive: boolean
  /** The timeout of Keep-Alive in milliseconds. */
  readonly keepAliveTimeout: number | undefined
  private readonly reasonStart: number
  private readonly reasonEnd: number
  /** The whole head, decoded as latin1. */
  readonly text: string
  /** Whether values can be cut from the text without decoding or unfolding. */
  private readonly plain: boolean
  private readonly folded: boolean
  private readonly strict: boolean
  readonly deviations: number
  private readonly offsets: ReadonlyArray<number>
  /** Kept, as a repeated head serves many responses. */
  private builtTypeText: string | undefined = undefined
  private hasTypeText = false

  /** Copies `facts`, which the scanner reuses. */
  constructor(
    facts: HeadFacts,
    text: string,
    framing: FramingKind,
    contentLength: number | undefined,
    keepAlive: boolean,
    deviations: number
  ) {
    this.status = facts.status
    this.version = facts.minor === 1 ? "1.1" : "1.0"
    this.count = facts.count
    this.framing = framing
    this.contentLength = contentLength
    this.keepAlive = keepAlive
    this.keepAliveTimeout = facts.framing.timeout < 0 ? undefined : facts.framing.timeout
    this.reasonStart = facts.reasonStart
    this.reasonEnd = facts.reasonEnd
    this.text = text
    this.plain = facts.ascii && !facts.folded
    this.folded = facts.folded
    this.strict = facts.strict
    this.deviations = deviations
    this.offsets = facts.offsets.slice(0, facts.count << 2)
  }

  get lengthVerified(): boolean {
    return this.framing !== "close"
  }
  get toleratesTruncatedCoding(): boolean {
    return this.lengthVerified && !this.strict
  }
  get reason(): string {
    return this.decode(this.reasonStart, this.reasonEnd)
  }

  name(index: number): string {
    const at = index << 2
    return this.cut(this.offsets[at], this.offsets[at + 1])
  }

  value(index: number): string {
    const at = index << 2
    return this.decode(this.offsets[at + 2], this.offsets[at + 3])
  }

  get(name: string): string | undefined {
    for (let index = 0; index < this.count; index++) {
      if (this.isNamed(index, name)) return this.value(index)
    }
    return undefined
  }

  getAll(name: string): ReadonlyArray<string> {
    const out: Array<string> = []
    for (let index = 0; index < this.count; index++) {
      if (this.isNamed(index, name)) out.push(this.value(index))
    }
    return out
  }

  get typeText(): string | undefined {
    if (this.hasTypeText) return this.builtTypeText
    this.hasTypeText = true
    this.builtTypeText = joinValues(this.getAll("content-type"))
    return this.builtTypeText
  }

  raw(): ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]> {
    const out: Array<readonly [Uint8Array, Uint8Array]> = []
    for (let at = 0; at < this.offsets.length; at += 4) {
      out.push([
        this.bytes(this.offsets[at], this.offsets[at + 1]),
        this.valueBytes(this.offsets[at + 2], this.offsets[at + 3])
      ])
    }
    return out
  }

  private isNamed(index: number, lower: string): boolean {
    const start = this.offsets[index << 2]
    if (this.offsets[(index << 2) + 1] - start !== lower.length) return false
    for (let at = 0; at < lower.length; at++) {
      const code = this.text.charCodeAt(start + at)
      if ((code >= 0x41 && code <= 0x5a ? code | 0x20 : code) !== lower.charCodeAt(at)) return false
    }
    return true
  }

  private bytes(start: number, end: number): Uint8Array {
    return new Uint8Array(Buffer.from(this.text.slice(start, end), "latin1"))
  }

  private valueBytes(start: number, end: number): Uint8Array {
    if (!this.folded) return this.bytes(start, end)
    return new Uint8Array(Buffer.from(unfold(this.text.slice(start, end)), "latin1"))
  }

  private cut(start: number, end: number): string {
    const slice = this.text.slice(start, end)
    return this.text.length <= sliceLimit ? slice : Buffer.from(slice, "latin1").toString("latin1")
  }

  private decode(start: number, end: number): string {
    if (this.plain) return this.cut(start, end)
    const text = this.text.slice(start, end)
    return decodeText(this.folded ? unfold(text) : text)
  }
}

/** Joins the values of a field by ", "; `undefined` without values. */
export const joinValues = (values: ReadonlyArray<string>): string | undefined =>
  values.length < 2 ? values[0] : values.join(", ")

/** Replaces each line end, with the white space around it, by one space (RFC 9112 section 5.2). */
export const unfold = (latin1: string): string =>
  latin1.includes("\n") ? trimBlank(latin1.split("\n").map(trimBlank).join(" ")) : latin1

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0d

const trimBlank = (latin1: string): string => {
  let start = 0
  let end = latin1.length
  while (start < end && isBlank(latin1.charCodeAt(start))) start++
  while (end > start && isBlank(latin1.charCodeAt(end - 1))) end--
  return latin1.slice(start, end)
}

/** Decodes the bytes behind a latin1 string as UTF-8 if they are valid UTF-8; otherwise returns the string. */
export const decodeText = (latin1: string): string => {
  const bytes = Buffer.from(latin1, "latin1")
  return isUtf8(bytes) ? bytes.toString("utf8") : bytes.toString("latin1")
}

/** The parts of a head that no server sent. */
export interface HeadParts {
  readonly status: number
  readonly reason?: string | undefined
  readonly version?: Head["version"] | undefined
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly contentLength?: number | undefined
  /** Default: true. */
  readonly toleratesTruncatedCoding?: boolean | undefined
}

/** Makes a head from name and value pairs, for mocks. */
export const headOf = (parts: HeadParts): Head => {
  const headers = parts.headers
  const isNamed = (lower: string) => (header: readonly [string, string]) => header[0].toLowerCase() === lower
  return {
    status: parts.status,
    reason: parts.reason ?? "",
    version: parts.version ?? "1.1",
    count: headers.length,
    contentLength: parts.contentLength,
    lengthVerified: true,
    toleratesTruncatedCoding: parts.toleratesTruncatedCoding ?? true,
    deviations: 0,
    name: (index) => headers[index][0],
    value: (index) => headers[index][1],
    get: (name) => headers.find(isNamed(name))?.[1],
    getAll: (name) => headers.filter(isNamed(name)).map((header) => header[1]),
    get typeText() {
      return joinValues(this.getAll("content-type"))
    },
    raw: () => headers.map(([name, value]) => [utf8.encode(name), utf8.encode(value)] as const)
  }
}

const utf8 = new TextEncoder()
