/** The parts of `ws` that process frames, with types that its declarations omit. */
import { createRequire } from "node:module"
import type { Socket } from "node:net"
import { dirname } from "node:path"
import type { Writable } from "node:stream"
import * as ws from "ws"

/** Parameters of an extension by name; `true` without a value. */
export interface ExtensionParams {
  readonly [name: string]: string | number | true | ReadonlyArray<string | true>
}

/** Called once with the bytes or an error. */
export type Coded = (error: Error | null, bytes: Uint8Array | undefined) => void

/** permessage-deflate of one connection (RFC 7692). */
export interface PerMessageDeflate {
  readonly offer: () => ExtensionParams
  /** Throws if the reply is not acceptable. */
  readonly accept: (reply: ReadonlyArray<ExtensionParams>) => unknown
  decompress(data: Uint8Array, last: boolean, done: Coded): void
  compress(data: string | Uint8Array, last: boolean, done: Coded): void
  /** Frees the memory of zlib and cancels waiting frames. If zlib is inflating, it throws later. */
  cleanup(): void
  /** The inflating stream of zlib; `null` before the first message. */
  _inflate: object | null
  /** Most bytes of a decompressed message; 0 means no limit. */
  _maxPayload: number
}

/** The negotiated extensions, by name. */
export interface Extensions {
  readonly [name: string]: PerMessageDeflate
}

/** Parses frames; emits "message", "ping", "pong" and "conclude". */
export type Receiver = Writable

/** Writes masked frames. Callbacks run when the system has accepted the bytes, or get an error. */
export interface Sender {
  readonly send: (
    data: string | Uint8Array,
    options: { readonly binary: boolean; readonly compress: boolean; readonly fin: boolean; readonly mask: boolean },
    done: (error?: Error | null) => void
  ) => void
  readonly ping: (data: string | Uint8Array, mask: boolean, done: (error?: Error | null) => void) => void
  readonly pong: (data: string | Uint8Array, mask: boolean, done: (error?: Error | null) => void) => void
  readonly close: (
    code: number | undefined,
    reason: string,
    mask: boolean,
    done: (error?: Error | null) => void
  ) => void
}

interface Exports {
  readonly PerMessageDeflate: {
    new (options: {
      readonly isServer: boolean
      /** 0 means no limit. */
      readonly maxPayload: number
      readonly clientMaxWindowBits: number | true
      readonly serverMaxWindowBits: number | undefined
      readonly clientNoContextTakeover: boolean | undefined
      readonly serverNoContextTakeover: boolean | undefined
    }): PerMessageDeflate
    readonly extensionName: string
  }
  readonly Receiver: {
    new (options: {
      readonly isServer: boolean
      readonly binaryType: "nodebuffer"
      readonly extensions: Extensions
      readonly maxPayload: number
      readonly maxFragments: number
      /** Applies to text and close reasons. */
      readonly skipUTF8Validation: boolean
    }): Receiver
  }
  readonly Sender: { new (socket: Socket, extensions: Extensions): Sender }
  /** Parses and formats Sec-WebSocket-Extensions. `parse` throws for an invalid value. */
  readonly extension: {
    readonly format: (extensions: { readonly [name: string]: ExtensionParams }) => string
    readonly parse: (header: string) => { readonly [name: string]: ReadonlyArray<ExtensionParams> }
  }
}

// ws 8.23 exports these without declarations.
const imported = ws as unknown as Partial<Exports>

/**
 * Loads the installed package by its path, because Bun replaces the module "ws" by its own. That has no
 * PerMessageDeflate, and its Receiver and Sender have no methods.
 */
const loadInstalled = (): Exports => {
  const require = createRequire(import.meta.url)
  return require(dirname(require.resolve("ws/package.json")))
}

const exported = imported.PerMessageDeflate === undefined ? loadInstalled() : (imported as Exports)

export const PerMessageDeflate = exported.PerMessageDeflate
export const Receiver = exported.Receiver
export const Sender = exported.Sender
export const extension = exported.extension
