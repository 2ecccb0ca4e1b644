/**
 * The head of a response over HTTP/2: decoded fields behind one `:status`.
 */
import type { Head } from "../../transport/transport.js"
import { decodeText, joinValues } from "../http1/head.js"
import type { DecodedFields } from "./hpack/decodedFields.js"

/** A received head, whose fields have been checked. The first of them is `:status`. */
export class Http2Head implements Head {
  readonly status: number
  /** HTTP/2 has no reason phrases. */
  readonly reason = ""
  readonly version = "2"
  readonly count: number
  readonly contentLength: number | undefined
  /** The end of a stream is explicit. */
  readonly lengthVerified = true
  readonly toleratesTruncatedCoding = false
  readonly deviations = 0
  private readonly names: ReadonlyArray<string>
  private readonly values: ReadonlyArray<string>
  /** `typeText`, once it is built: a head may serve many responses. */
  private builtTypeText: string | undefined = undefined
  private hasTypeText = false

  constructor(status: number, fields: DecodedFields, contentLength: number | undefined) {
    this.status = status
    this.count = fields.names.length - 1
    this.contentLength = contentLength
    this.names = fields.names
    this.values = fields.values
  }

  name(index: number): string {
    return this.names[index + 1]
  }

  value(index: number): string {
    return decodeField(this.values[index + 1])
  }

  get(name: string): string | undefined {
    for (let at = 1; at < this.names.length; at++) {
      if (this.names[at] === name) return decodeField(this.values[at])
    }
    return undefined
  }

  getAll(name: string): ReadonlyArray<string> {
    const out: Array<string> = []
    for (let at = 1; at < this.names.length; at++) {
      if (this.names[at] === name) out.push(decodeField(this.values[at]))
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
    for (let at = 1; at < this.names.length; at++) out.push([toBytes(this.names[at]), toBytes(this.values[at])])
    return out
  }
}

const toBytes = (latin1: string): Uint8Array => new Uint8Array(Buffer.from(latin1, "latin1"))

const notAscii = /[\x80-\xff]/

/** A value as UTF-8 if it is valid UTF-8, otherwise as latin1. */
export const decodeField = (latin1: string): string => (notAscii.test(latin1) ? decodeText(latin1) : latin1)
