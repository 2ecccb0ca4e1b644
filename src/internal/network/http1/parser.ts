/**
 * An incremental parser of HTTP/1.1 responses (RFC 9112). By default it tolerates deviations that leave no doubt about
 * where the body ends; the connection then closes, so that leftover bytes cannot be taken for the next response. In
 * strict mode it rejects them. One parser serves one connection, and allocates a head and its text for each response.
 */
import { BareLineFeed, mustClose } from "../../transport/deviations.js"
import type { Trailers } from "../../transport/incomingBody.js"
import { CR, LF } from "./bytes.js"
import { Chunks } from "./chunked.js"
import { gotByte, lineExcerpt } from "./excerpt.js"
import { decodeText, type FramingKind, ParsedHead, unfold } from "./head.js"
import type { ParserLimits } from "./limits.js"
import { Failed, More, type Reason, Scanner } from "./scanner.js"
import { neverTrailers } from "./trailers.js"

export { defaultLimits, type ParserLimits, resolveLimits } from "./limits.js"

/** Callbacks for parsed parts of a response. */
export interface ParserHandler {
  onInformational(head: ParsedHead): void
  /** Called once, before the body. */
  onHead(head: ParsedHead): void
  /** The bytes are valid during the call only. */
  onBody(slab: Buffer, start: number, end: number): void
  /** Not called after a requested 101 or a 2xx to CONNECT: the bytes that follow are not HTTP. */
  onComplete(trailers: Trailers): void
}

/** Why parsing failed. */
export interface ParseFailure {
  readonly where: "head" | "body"
  readonly reason: Reason
  readonly description: string
  /** The received part of the line at fault: at most 100 characters, escaped. */
  readonly excerpt: string
}

// States
const Idle = 0
const Leading = 1
const LeadingLf = 2
const Head = 3
const Sized = 4
const UntilClose = 5
const Chunked = 6
const TrailerSection = 7
const Tunnel = 8
const Stopped = 9

const noTrailers: Trailers = []

/** A larger store is released after its section. Bytes. */
const storeSize = 4096

/** A longer head is not remembered. Bytes. */
const maxRepeatedSize = 2048

export class Parser {
  failure: ParseFailure | undefined = undefined
  /** Whether a byte of the response was received. */
  started = false
  /** Bits of `deviations.ts`, for the heads and the part of the body that was read. */
  deviations = 0
  private readonly limits: ParserLimits
  private readonly handler: ParserHandler
  private readonly scanner: Scanner
  private readonly chunks: Chunks
  private state = Idle
  /** Ends `execute` after a complete response, even if `onComplete` calls `expect`. */
  private isComplete = false
  private method = ""
  private upgrade = false
  private informational = 0
  private emptyLines = 0
  /** Whether an informational response had Connection: close. */
  private closing = false
  /** Bytes of complete heads and of empty lines. */
  private headSize = 0
  private remaining = 0
  /** Holds the bytes of a head or trailer section that arrives in more than one read. */
  private store: Buffer | undefined = undefined
  /** The number of bytes in `store`. */
  private stored = 0
  /**
   * The previous head and its method. Servers often repeat a head byte for byte within one second (the resolution of
   * Date), so it can be reused.
   */
  private lastHead: ParsedHead | undefined = undefined
  private lastMethod = ""

  constructor(limits: ParserLimits, handler: ParserHandler) {
    this.limits = limits
    this.handler = handler
    this.scanner = new Scanner(limits.maxLineSize, limits.maxHeaders, limits.strict)
    this.chunks = new Chunks(limits)
  }

  /** Received bytes of heads, including informational ones and empty lines. */
  get headBytes(): number {
    return this.headSize + (this.state === Head ? this.stored : 0)
  }

  /** Whether the bytes that follow are not HTTP: after 101, or a 2xx to CONNECT. */
  get isTunnel(): boolean {
    return this.state === Tunnel
  }

  /** Prepares for the response to `method`. With `upgrade`, 101 is a final response. */
  expect(method: string, upgrade: boolean): void {
    this.failure = undefined
    this.started = false
    this.deviations = 0
    this.method = method
    this.upgrade = upgrade
    this.informational = 0
    this.emptyLines = 0
    this.closing = false
    this.headSize = 0
    this.remaining = 0
    this.awaitHead()
  }

  /** Stops all calls of the handler. The handler may call this. */
  stop(): void {
    this.state = Stopped
  }

  /**
   * Parses `slab[start,end)`, within which it may move bytes of the body. Returns the index after the last parsed byte,
   * or -1 after a failure. The index is below `end` only if bytes follow a complete response; they are not parsed.
   */
  execute(slab: Buffer, start: number, end: number): number {
    let at = start
    this.isComplete = false
    while (at < end && !this.isComplete) {
      switch (this.state) {
        case Leading:
        case LeadingLf:
          this.started = true
          at = this.leading(slab, at, end)
          break
        case Head:
        case TrailerSection:
          at = this.section(slab, at, end)
          break
        case Sized:
          at = this.sized(slab, at, end)
          break
        case UntilClose:
          this.handler.onBody(slab, at, end)
          return end
        case Chunked:
          at = this.chunked(slab, at, end)
          break
        case Idle:
          return this.started ? at : this.fail("Unsolicited", "expected no bytes before a request", slab, at, end)
        case Stopped:
          return this.failure === undefined ? end : -1
        default:
          return at
      }
      if (at < 0) return -1
    }
    return at
  }

  /** The peer closed the connection. Returns whether that completes the response: only a body without other framing. */
  finish(): boolean {
    if (this.state !== UntilClose) return false
    this.complete(noTrailers)
    return true
  }

  private awaitHead(): void {
    this.state = Leading
    this.stored = 0
    this.scanner.beginHead(this.limits.maxHeadSize - this.headSize, this.method === "CONNECT")
  }

  // Some servers send an extra empty line after a body.
  private leading(slab: Buffer, at: number, end: number): number {
    const byte = slab[at]
    if (this.state === LeadingLf) {
      if (byte !== LF) return this.fail("StatusLine", "expected LF after CR", slab, at, end)
      this.state = Leading
    } else if (byte === CR && this.informational === 0) {
      if (++this.emptyLines > this.limits.maxLeadingLines) {
        return this.tooManyLines(slab, at, end)
      }
      this.state = LeadingLf
    } else if (byte === LF && this.informational === 0 && !this.limits.strict) {
      if (++this.emptyLines > this.limits.maxLeadingLines) {
        return this.tooManyLines(slab, at, end)
      }
      this.deviations |= BareLineFeed
    } else {
      this.state = Head
      return at
    }
    this.headSize++
    return at + 1
  }

  /** Reads a head or trailers. Copies bytes to `store` only if a section spans several reads. */
  private section(slab: Buffer, at: number, end: number): number {
    if (this.stored === 0) {
      const repeated = this.lastHead
      if (repeated !== undefined && this.isRepeated(repeated, slab, at, end)) {
        this.headSize = repeated.text.length
        this.follow(repeated)
        return at + repeated.text.length
      }
      const next = this.scanner.scan(slab, at, at, end)
      if (next === Failed) return this.failFromScanner(end - at)
      if (next === More) return this.keep(slab, at, end)
      return this.endOfSection(slab, at, next, next)
    }
    const before = this.stored
    const next = this.keep(slab, at, end)
    const store = this.store
    if (store === undefined) return next
    const stop = this.scanner.scan(store, 0, before, this.stored)
    if (stop === Failed) return this.failFromScanner(0)
    if (stop === More) return next
    if (store.length > storeSize) this.store = undefined
    return this.endOfSection(store, 0, stop, at + stop - before)
  }

  /** Whether the bytes repeat `head`, as the first head of a response to the same method. */
  private isRepeated(head: ParsedHead, slab: Buffer, at: number, end: number): boolean {
    const size = head.text.length
    return (
      this.state === Head &&
      this.headSize === 0 &&
      end - at >= size &&
      this.method === this.lastMethod &&
      slab.toString("latin1", at, at + size) === head.text
    )
  }

  private keep(slab: Buffer, at: number, end: number): number {
    const size = this.stored + end - at
    let store = this.store
    if (store === undefined || store.length < size) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, store === undefined ? 1024 : store.length * 2))
      if (store !== undefined && this.stored > 0) store.copy(larger, 0, 0, this.stored)
      store = larger
      this.store = larger
    }
    slab.copy(store, this.stored, at, end)
    this.stored = size
    return end
  }

  private endOfSection(bytes: Buffer, base: number, stop: number, next: number): number {
    this.stored = 0
    this.deviations |= this.scanner.deviations
    if (this.state === TrailerSection) {
      this.complete(this.scanner.count === 0 ? noTrailers : this.trailers(bytes, base))
      return next
    }
    const first = this.headSize === 0
    this.headSize += stop - base
    return this.endOfHead(bytes, base, stop, first) ? next : -1
  }

  private endOfHead(bytes: Buffer, base: number, stop: number, first: boolean): boolean {
    const { framing, status } = this.scanner
    framing.settle()
    this.deviations |= framing.deviations
    if (status === 101 && !this.upgrade)
      return this.failAfter("Unsolicited", "expected no 101, as the request asked for no upgrade", status)
    const tunnel = status === 101 || (this.method === "CONNECT" && status >= 200 && status < 300)
    if (status < 200 && !tunnel) {
      if (++this.informational > this.limits.maxInformational) {
        return this.failAfter(
          "Limit",
          `expected at most ${this.limits.maxInformational} informational responses (http1.maxInformational)`,
          status
        )
      }
      this.closing ||= framing.close
      const head = this.headFrom(bytes, base, stop, "none", undefined, !this.closing)
      this.awaitHead()
      this.handler.onInformational(head)
      return true
    }
    if (tunnel) {
      this.state = Tunnel
      this.handler.onHead(this.headFrom(bytes, base, stop, "none", undefined, false))
      return true
    }
    const head = this.framed(bytes, base, stop, status)
    this.lastHead = first && stop - base <= maxRepeatedSize && this.deviations === 0 ? head : undefined
    this.lastMethod = this.method
    this.follow(head)
    return true
  }

  /** RFC 9112, section 6.3. */
  private framed(bytes: Buffer, base: number, stop: number, status: number): ParsedHead {
    const { framing, minor } = this.scanner
    const persistent =
      !this.closing && !framing.close && (minor === 1 || framing.keepAlive) && !mustClose(this.deviations)
    if (this.method === "HEAD" || status === 204 || status === 205 || status === 304) {
      // 204 and 205 have no content. A server that announces content may send it; with 205, even without announcing it.
      const announced = framing.chunked || framing.length > 0 || (status === 205 && framing.length < 0)
      const reusable = persistent && (this.method === "HEAD" || status === 304 || !announced)
      return this.headFrom(bytes, base, stop, "none", undefined, reusable)
    }
    if (framing.chunked) {
      if (framing.length >= 0) this.scanner.removeContentLength(bytes, base)
      return this.headFrom(bytes, base, stop, "chunked", undefined, persistent)
    }
    if (framing.length >= 0) return this.headFrom(bytes, base, stop, "length", framing.length, persistent)
    return this.headFrom(bytes, base, stop, "close", undefined, false)
  }

  /** Passes the head to the handler and continues with its body. */
  private follow(head: ParsedHead): void {
    switch (head.framing) {
      case "chunked":
        this.state = Chunked
        this.chunks.begin()
        break
      case "close":
        this.state = UntilClose
        break
      default:
        this.state = Sized
        this.remaining = head.framing === "none" ? 0 : (head.contentLength ?? 0)
    }
    this.handler.onHead(head)
    if (this.state === Sized && this.remaining === 0) this.complete(noTrailers)
  }

  private headFrom(
    bytes: Buffer,
    base: number,
    stop: number,
    framing: FramingKind,
    contentLength: number | undefined,
    keepAlive: boolean
  ): ParsedHead {
    const text = bytes.toString("latin1", base, stop)
    return new ParsedHead(this.scanner, text, framing, contentLength, keepAlive, this.deviations)
  }

  private sized(slab: Buffer, at: number, end: number): number {
    const next = end - at < this.remaining ? end : at + this.remaining
    this.remaining -= next - at
    this.handler.onBody(slab, at, next)
    if (this.state === Sized && this.remaining === 0) this.complete(noTrailers)
    return next
  }

  private chunked(slab: Buffer, at: number, end: number): number {
    const chunks = this.chunks
    const next = chunks.decode(slab, at, end)
    this.deviations |= chunks.deviations
    if (chunks.to > chunks.from) this.handler.onBody(slab, chunks.from, chunks.to)
    if (this.state !== Chunked) return next
    if (chunks.isBroken) return this.failWith("body", chunks.reason, chunks.description, chunks.excerpt)
    if (chunks.isLast) {
      this.state = TrailerSection
      this.stored = 0
      this.scanner.beginTrailers(this.limits.maxTrailerSize)
    }
    return next
  }

  private trailers(bytes: Buffer, base: number): Trailers {
    const { offsets, count } = this.scanner
    const out: Array<readonly [string, string]> = []
    for (let at = 0; at < count << 2; at += 4) {
      const name = bytes.toString("latin1", base + offsets[at], base + offsets[at + 1])
      if (neverTrailers.has(name.toLowerCase())) continue
      out.push([name, decodeText(unfold(bytes.toString("latin1", base + offsets[at + 2], base + offsets[at + 3])))])
    }
    return out
  }

  private complete(trailers: Trailers): void {
    this.state = Idle
    this.isComplete = true
    this.handler.onComplete(trailers)
  }

  private failFromScanner(unstored: number): number {
    const scanner = this.scanner
    if (this.state === Head) this.headSize += this.stored + unstored
    this.stored = 0
    const where = this.state === Head ? "head" : "body"
    return this.failWith(where, scanner.reason, scanner.description, scanner.excerpt)
  }

  private fail(reason: Reason, description: string, slab: Buffer, at: number, end: number): -1 {
    return this.failWith("head", reason, `${description}, ${gotByte(slab[at])}`, lineExcerpt(slab, at, at, end))
  }

  private tooManyLines(slab: Buffer, at: number, end: number): -1 {
    return this.fail(
      "Limit",
      `expected at most ${this.limits.maxLeadingLines} empty lines before a response`,
      slab,
      at,
      end
    )
  }

  private failAfter(reason: Reason, description: string, status: number): false {
    this.failWith("head", reason, description, String(status))
    return false
  }

  private failWith(where: ParseFailure["where"], reason: Reason, description: string, excerpt: string): -1 {
    this.failure = { where, reason, description, excerpt }
    this.state = Stopped
    return -1
  }
}
