/**
 * An incremental parser of HTTP/1.1 responses (RFC 9112). By default it tolerates deviations that leave no doubt about
 * where the body ends; the connection then closes, so that leftover bytes cannot be taken for the next response. In
 * strict mode it rejects them. One parser serves one connection, and allocates a head and its text for each response.
 */
import { BareLineFeed, mustClose } from "../../transport/deviations.js"
import type { Trailers } from "../../transport/incomingBody.js"
import { CR, LF } from "./bytes.js"
import { ChunkDecoder } from "./chunked.js"
import { gotByte, lineExcerpt } from "./excerpt.js"
import { type FramingKind, ParsedHead } from "./head.js"
import type { ParserLimits } from "./limits.js"
import { Failed, More, type Reason } from "./lineScanner.js"
import { RepeatedHead } from "./repeatedHead.js"
import { Scanner } from "./scanner.js"
import { SectionStore } from "./sectionStore.js"
import { noTrailers, readTrailers } from "./trailers.js"

/** Callbacks for parsed parts of a response. */
export interface ParserHandler {
  onInformational(head: ParsedHead): void
  /** Called once, before the body. */
  onHead(head: ParsedHead): void
  /** The bytes are valid only during the call. */
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

export class Parser {
  failure: ParseFailure | undefined = undefined
  /** Whether a byte of the response was received. */
  started = false
  /** Bits of `deviations.ts`, for the heads and the part of the body that was read. */
  deviations = 0
  private readonly limits: ParserLimits
  private readonly handler: ParserHandler
  private readonly scanner: Scanner
  private readonly chunkDecoder: ChunkDecoder
  private state = Idle
  /** Ends `execute` after a complete response, even if `onComplete` calls `expect`. */
  private isComplete = false
  private method = ""
  private acceptsUpgrade = false
  private informational = 0
  private emptyLines = 0
  /** Whether an informational response had Connection: close. */
  private closing = false
  /** Bytes of complete heads and of empty lines. */
  private headSize = 0
  private remaining = 0
  private readonly store = new SectionStore()
  private readonly repeated = new RepeatedHead()

  constructor(limits: ParserLimits, handler: ParserHandler) {
    this.limits = limits
    this.handler = handler
    this.scanner = new Scanner(limits.maxLineSize, limits.maxHeaders, limits.strict)
    this.chunkDecoder = new ChunkDecoder(limits)
  }

  /** Received bytes of heads, including informational ones and empty lines. */
  get headBytes(): number {
    return this.headSize + (this.state === Head ? this.store.size : 0)
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
    this.acceptsUpgrade = upgrade
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

  /**
   * Call when the peer has closed the connection. Returns whether this completes the response, which has no other
   * framing.
   */
  finish(): boolean {
    if (this.state !== UntilClose) return false
    this.complete(noTrailers)
    return true
  }

  private awaitHead(): void {
    this.state = Leading
    this.store.clear()
    this.scanner.beginHead(this.limits.maxHeadSize - this.headSize, this.method === "CONNECT")
  }

  // Some servers send an extra empty line after a body.
  private leading(slab: Buffer, at: number, end: number): number {
    const byte = slab[at]
    if (this.state === LeadingLf) {
      if (byte !== LF) return this.fail("StatusLine", "expected LF after CR", slab, at, end)
      this.state = Leading
    } else if (this.informational === 0 && (byte === CR || (byte === LF && !this.limits.strict))) {
      const { maxLeadingLines } = this.limits
      if (++this.emptyLines > maxLeadingLines)
        return this.fail("Limit", `expected at most ${maxLeadingLines} empty lines before a response`, slab, at, end)
      if (byte === CR) this.state = LeadingLf
      else this.deviations |= BareLineFeed
    } else {
      this.state = Head
      return at
    }
    this.headSize++
    return at + 1
  }

  /** Reads a head or trailers. Stores bytes only if a section spans several reads. */
  private section(slab: Buffer, at: number, end: number): number {
    if (this.store.size === 0) {
      const repeated =
        this.state === Head && this.headSize === 0 ? this.repeated.match(this.method, slab, at, end) : undefined
      if (repeated !== undefined) {
        this.headSize = repeated.text.length
        this.beginBody(repeated)
        return at + repeated.text.length
      }
      const next = this.scanner.scan(slab, at, at, end)
      if (next === Failed) return this.failFromScanner(end - at)
      if (next === More) {
        this.store.add(slab, at, end)
        return end
      }
      return this.endOfSection(slab, at, next, next)
    }
    const before = this.store.size
    const store = this.store.add(slab, at, end)
    const stop = this.scanner.scan(store, 0, before, this.store.size)
    if (stop === Failed) return this.failFromScanner(0)
    if (stop === More) return end
    return this.endOfSection(store, 0, stop, at + stop - before)
  }

  private endOfSection(bytes: Buffer, base: number, stop: number, next: number): number {
    this.store.clear()
    this.deviations |= this.scanner.deviations
    if (this.state === TrailerSection) {
      this.complete(readTrailers(this.scanner, bytes, base))
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
    if (status === 101 && !this.acceptsUpgrade)
      return this.failAfter("Unsolicited", "expected no 101, as the request asked for no upgrade", status)
    const tunnel = status === 101 || (this.method === "CONNECT" && status >= 200 && status < 300)
    if (status < 200 && !tunnel) {
      const { maxInformational } = this.limits
      if (++this.informational > maxInformational) {
        const description = `expected at most ${maxInformational} informational responses (http1.maxInformational)`
        return this.failAfter("Limit", description, status)
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
    const head = this.frameHead(bytes, base, stop, status)
    this.repeated.remember(this.method, first && this.deviations === 0 ? head : undefined)
    this.beginBody(head)
    return true
  }

  /** Determines the framing of the body of a head (RFC 9112, section 6.3). */
  private frameHead(bytes: Buffer, base: number, stop: number, status: number): ParsedHead {
    const { framing, minor } = this.scanner
    const persistent = !this.closing && framing.persists(minor) && !mustClose(this.deviations)
    if (this.method === "HEAD" || status === 204 || status === 205 || status === 304) {
      const reusable = persistent && (this.method === "HEAD" || status === 304 || !framing.mayHaveContent(status))
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
  private beginBody(head: ParsedHead): void {
    switch (head.framing) {
      case "chunked":
        this.state = Chunked
        this.chunkDecoder.begin()
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
    const chunks = this.chunkDecoder
    const next = chunks.decode(slab, at, end)
    this.deviations |= chunks.deviations
    if (chunks.to > chunks.from) this.handler.onBody(slab, chunks.from, chunks.to)
    if (this.state !== Chunked) return next
    if (chunks.isBroken) return this.failWith("body", chunks.reason, chunks.description, chunks.excerpt)
    if (chunks.isLast) {
      this.state = TrailerSection
      this.store.clear()
      this.scanner.beginTrailers(this.limits.maxTrailerSize)
    }
    return next
  }

  private complete(trailers: Trailers): void {
    this.state = Idle
    this.isComplete = true
    this.handler.onComplete(trailers)
  }

  private failFromScanner(unstored: number): number {
    const scanner = this.scanner
    if (this.state === Head) this.headSize += this.store.size + unstored
    this.store.clear()
    const where = this.state === Head ? "head" : "body"
    return this.failWith(where, scanner.reason, scanner.description, scanner.excerpt)
  }

  private fail(reason: Reason, description: string, slab: Buffer, at: number, end: number): -1 {
    return this.failWith("head", reason, `${description}, ${gotByte(slab[at])}`, lineExcerpt(slab, at, at, end))
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
