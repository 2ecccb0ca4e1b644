/**
 * What of `ws` speaks frames, with the types that its declarations leave out.
 */
import type { Socket } from "node:net"
import type { Writable } from "node:stream"
import * as ws from "ws"

/** Parameters of an extension by name; `true` where there is no value. */
export interface ExtensionParams {
  readonly [name: string]: string | number | true | ReadonlyArray<string | true>
}

/** Called once: with the bytes or an error. */
export type Coded = (error: Error | null, bytes: Uint8Array | undefined) => void

/** permessage-deflate of one connection (RFC 7692). */
export interface PerMessageDeflate {
  readonly offer: () => ExtensionParams
  /** Throws where the reply cannot be used. */
  readonly accept: (reply: ReadonlyArray<ExtensionParams>) => unknown
  decompress(data: Uint8Array, last: boolean, done: Coded): void
  compress(data: string | Uint8Array, last: boolean, done: Coded): void
  /** Frees what zlib holds; frames that wait for it are given up. Throws later where zlib inflates now. */
  cleanup(): void
  /** zlib's stream, from the first message on. */
  _inflate: object | null
  /** Bytes of one message after which zlib inflates no further; 0: no limit. */
  _maxPayload: number
}

/** The extensions in use, by name. */
export interface Extensions {
  readonly [name: string]: PerMessageDeflate
}

/** Reads frames, and emits "message", "ping", "pong" and "conclude". */
export type Receiver = Writable

/** Writes masked frames; the callbacks come when the system has the bytes, or with an error. */
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
      /** 0: no limit. */
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
      /** Of text and of the reason of a close. */
      readonly skipUTF8Validation: boolean
    }): Receiver
  }
  readonly Sender: { new (socket: Socket, extensions: Extensions): Sender }
  /** Of Sec-WebSocket-Extensions; `parse` throws. */
  readonly extension: {
    readonly format: (extensions: { readonly [name: string]: ExtensionParams }) => string
    readonly parse: (header: string) => { readonly [name: string]: ReadonlyArray<ExtensionParams> }
  }
}

// ws 8.23 exports them and documents none; its declarations know its WebSocket and its server only.
const exported = ws as unknown as Exports

export const PerMessageDeflate = exported.PerMessageDeflate
export const Receiver = exported.Receiver
export const Sender = exported.Sender
export const extension = exported.extension
