/**
 * Remembers the previous head of a connection. Servers often repeat a head byte for byte within one second (the
 * resolution of Date), and comparing bytes takes less time than parsing them.
 */
import type { ParsedHead } from "./head.js"

/** Bytes of the longest head that is remembered. */
const maxSize = 2048

export class RepeatedHead {
  private head: ParsedHead | undefined = undefined
  private method = ""

  /** The previous head, if it answered `method` and `bytes[at,end)` begin with the same bytes. */
  match(method: string, bytes: Buffer, at: number, end: number): ParsedHead | undefined {
    const { head } = this
    if (head === undefined || method !== this.method) return undefined
    const { text } = head
    return end - at >= text.length && bytes.toString("latin1", at, at + text.length) === text ? head : undefined
  }

  /** Replaces the remembered head. */
  remember(method: string, head: ParsedHead | undefined): void {
    this.method = method
    this.head = head !== undefined && head.text.length <= maxSize ? head : undefined
  }
}
