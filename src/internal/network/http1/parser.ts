/**
 * An incremental parser of HTTP/1.1 responses (RFC 9112). By default it tolerates deviations that leave no doubt about
 * where the body ends; the connection is closed then, so that nothing of it can be taken for the next response. In
 * strict mode it refuses them. One parser serves one connection, and allocates a head and its text for each response.
 */
import { BareLineFeed, mustClose } from "../../transport/deviations.js"
import type { Trailers } from "../../transport/incomingBody.js"
import { CR, LF } from "./bytes.js"
import { Chunks } from "./chunked.js"
import { lineExcerpt, unexpected } from "./excerpt.js"
import { decodeText, type FramingKind, ParsedHead, unfold } from "./head.js"
import type { ParserLimits } from "./limits.js"
import { Failed, More, type Reason, Scanner } from "./scanner.js"
import { neverTrailers } from "./trailers.js"

export { defaultLimits, type ParserLimits, resolveLimits } from "./limits.js"

/** Who is told what has been parsed. */
export interface ParserHandler {
  onInformational(head: ParsedHead): void
  /** Once, before all of the body. */
  onHead(head: ParsedHead): void
  /** The bytes are valid during the call only. */
  onBody(slab: Buffer, start: number, end: number): void
  /** Not called for a 101 that was asked for, nor for a 2xx to CONNECT: what follows those is no HTTP. */
  onComplete(trailers: Trailers): void
}

/** What is wrong with a response. */
export interface ParseFailure {
  readonly where: "head" | "body"
  readonly reason: Reason
  readonly description: string
  /** The line at fault as far as it has been received: at most 100 characters, escaped. */
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

const none: Trailers = []

/** A store for bytes that come in pieces; larger ones are not kept for the next head. */
const storeSize = 4096

/** A longer head is not known again. */
const knownSize = 2048

export class Parser {
  failure: ParseFailure | undefined = undefined
  /** Whether a byte of the response has come. */
  started = false
  /** Bits of `deviations.ts`: of the heads, and of the body as far as it is read. */
  deviations = 0
  private readonly limits: ParserLimits
  private readonly handler: ParserHandler
  private readonly scanner: Scanner
  private readonly chunks: Chunks
  private state = Idle
  /** Ends `execute`, also where `onComplete` has called `expect`. */
  private whole = false
  private method = ""
  private upgrade = false
  private informational = 0
  private emptyLines = 0
  /** Whether an informational response had Connection: close. */
  private closing = false
  /** Bytes of heads that are whole, and of empty lines. */
  private headSize = 0
  private remaining = 0
  private store: Buffer | undefined = undefined
  /** Bytes in `store` of a section that is not whole yet. */
  private kept = 0
  /** The last response's head, and what was asked: whoever is asked often answers with the same head for a second. */
  private known: ParsedHead | undefined = undefined
  private knownMethod = ""

  constructor(limits: ParserLimits, handler: ParserHandler) {
    this.limits = limits
    this.handler = handler
    this.scanner = new Scanner(limits.maxLineSize, limits.maxHeaders, limits.strict)
    this.chunks = new Chunks(limits)
  }

  /** Bytes that have come of the heads, informational ones and empty lines included. */
  get headBytes(): number {
    return this.headSize + (this.state === Head ? this.kept : 0)
  }

  /** Whether the bytes that follow are no HTTP: after 101, or a 2xx to CONNECT. */
  get isTunnel(): boolean {
    return this.state === Tunnel
  }

  /** Begins to wait for the response to `method`; with `upgrade`, 101 is a final response. */
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

  /** Calls the handler no more, from within one of its methods too. */
  stop(): void {
    this.state = Stopped
  }

  /**
   * Takes `slab[start,end)`, within which it may move bytes of the body. Returns the place after the last byte taken,
   * which is `end` unless the response is whole, or -1 for a failure. What follows a whole response is not parsed.
   */
  execute(slab: Buffer, start: number, end: number): number {
    let at = start
    this.whole = false
    while (at < end && !this.whole) {
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

  /** The peer has ended its side. Whether that makes the response whole: only where nothing else says its length. */
  finish(): boolean {
    if (this.state !== UntilClose) return false
    this.complete(none)
    return true
  }

  private awaitHead(): void {
    this.state = Leading
    this.kept = 0
    this.scanner.beginHead(this.limits.maxHeadSize - this.headSize, this.method === "CONNECT")
  }

  // Some servers send an empty line too many after a body.
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

  /** Reads a head or trailers where they are; only what is cut is copied. */
  private section(slab: Buffer, at: number, end: number): number {
    if (this.kept === 0) {
      const known = this.known
      if (known !== undefined && this.isAgain(known, slab, at, end)) {
        this.headSize = known.text.length
        this.follow(known)
        return at + known.text.length
      }
      const next = this.scanner.scan(slab, at, at, end)
      if (next === Failed) return this.refuse(end - at)
      if (next === More) return this.keep(slab, at, end)
      return this.endOfSection(slab, at, next, next)
    }
    const before = this.kept
    const next = this.keep(slab, at, end)
    const store = this.store
    if (store === undefined) return next
    const stop = this.scanner.scan(store, 0, before, this.kept)
    if (stop === Failed) return this.refuse(0)
    if (stop === More) return next
    if (store.length > storeSize) this.store = undefined
    return this.endOfSection(store, 0, stop, at + stop - before)
  }

  /** Whether the bytes are that head to the letter, in the same place: the first of the answer to the same method. */
  private isAgain(head: ParsedHead, slab: Buffer, at: number, end: number): boolean {
    const size = head.text.length
    return (
      this.state === Head &&
      this.headSize === 0 &&
      end - at >= size &&
      this.method === this.knownMethod &&
      slab.toString("latin1", at, at + size) === head.text
    )
  }

  private keep(slab: Buffer, at: number, end: number): number {
    const size = this.kept + end - at
    let store = this.store
    if (store === undefined || store.length < size) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, store === undefined ? 1024 : store.length * 2))
      if (store !== undefined && this.kept > 0) store.copy(larger, 0, 0, this.kept)
      store = larger
      this.store = larger
    }
    slab.copy(store, this.kept, at, end)
    this.kept = size
    return end
  }

  private endOfSection(bytes: Buffer, base: number, stop: number, next: number): number {
    this.kept = 0
    this.deviations |= this.scanner.deviations
    if (this.state === TrailerSection) {
      this.complete(this.scanner.count === 0 ? none : this.trailers(bytes, base))
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
    this.known = first && stop - base <= knownSize && this.deviations === 0 ? head : undefined
    this.knownMethod = this.method
    this.follow(head)
    return true
  }

  /** RFC 9112, section 6.3. */
  private framed(bytes: Buffer, base: number, stop: number, status: number): ParsedHead {
    const { framing, minor } = this.scanner
    const persistent =
      !this.closing && !framing.close && (minor === 1 || framing.keepAlive) && !mustClose(this.deviations)
    if (this.method === "HEAD" || status === 204 || status === 205 || status === 304) {
      // 204 and 205 have no content: a peer that announces some may send it, and 205 may do so without a word.
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

  /** Tells the head and goes on with its body. */
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
    if (this.state === Sized && this.remaining === 0) this.complete(none)
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
    if (this.state === Sized && this.remaining === 0) this.complete(none)
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
      this.kept = 0
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
    this.whole = true
    this.handler.onComplete(trailers)
  }

  private refuse(unkept: number): number {
    const scanner = this.scanner
    if (this.state === Head) this.headSize += this.kept + unkept
    this.kept = 0
    const where = this.state === Head ? "head" : "body"
    return this.failWith(where, scanner.reason, scanner.description, scanner.excerpt)
  }

  private fail(reason: Reason, description: string, slab: Buffer, at: number, end: number): -1 {
    return this.failWith("head", reason, `${description}, ${unexpected(slab[at])}`, lineExcerpt(slab, at, at, end))
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
