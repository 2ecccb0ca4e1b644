/** Streams the parts of a received multipart message. */
import * as Headers from "@effect/platform/Headers"
import * as Platform from "@effect/platform/Multipart"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import MIMEType from "whatwg-mimetype"
import type { ReceivedPart } from "../../../Multipart.js"
import { limitsIn, type MultipartLimits, type MultipartReason, multipartError } from "../../effect/multiparts.js"
import { type Pull, pullOf, pullStreamFrom } from "../../effect/pullStream.js"
import { nextTurn } from "../../transport/endOfTurn.js"
import { type MultipartEvent, MultipartParser } from "./multipartParser.js"
import { makeField, makeFile, type PartHead, parsePartHead } from "./receivedPart.js"

/** Most parts per turn of the event loop, so that timers and other sockets are not delayed. */
const partsPerTurn = 256

const limits: Effect.Effect<MultipartLimits> = Effect.withFiberRuntime((fiber) => {
  const { currentContext: context } = fiber
  return Effect.succeed(limitsIn(context))
})

const fault = (reason: MultipartReason, description: string): Platform.MultipartError =>
  multipartError(reason, new Error(description))

/** The part whose content is being parsed. */
interface OpenPart {
  readonly head: PartHead
  readonly isFile: boolean
  size: number
}

type Failing<E> = Effect.Effect<never, Option.Option<E | Platform.MultipartError>>

/** Reads the parts of one message, each to its end before the next. */
class PartReader<E> {
  private readonly parser: MultipartParser
  private readonly limits: MultipartLimits
  private readonly bytes: Pull<Uint8Array, E>
  private open: OpenPart | undefined = undefined
  private fieldBytes: Array<Uint8Array> = []
  private parts = 0
  private totalBytes = 0
  private emitted = 0
  private failure: Failing<E> | undefined = undefined

  constructor(boundary: string, limits: MultipartLimits, bytes: Pull<Uint8Array, E>) {
    this.parser = new MultipartParser(boundary)
    this.limits = limits
    this.bytes = bytes
  }

  /** The parts that are available: fields, then at most one file, whose content follows. */
  readonly next: Pull<ReceivedPart, E | Platform.MultipartError> = Effect.suspend(() => {
    if (this.emitted < partsPerTurn) return this.collectParts([])
    this.emitted = 0
    return Effect.zipRight(nextTurn, this.collectParts([]))
  })

  private collectParts(found: Array<ReceivedPart>): Pull<ReceivedPart, E | Platform.MultipartError> {
    while (found.length < partsPerTurn) {
      const event = this.parser.next()
      if (event === undefined) {
        return found.length > 0 ? this.emit(found) : Effect.flatMap(this.more, () => this.collectParts(found))
      }
      if (event._tag === "End") return found.length > 0 ? this.emit(found) : Effect.fail(Option.none())
      const error = this.process(event, found)
      if (error !== undefined) return this.fail(error)
      if (this.open?.isFile === true && found.length > 0) break
    }
    return this.emit(found)
  }

  private emit(found: ReadonlyArray<ReceivedPart>): Pull<ReceivedPart, never> {
    this.emitted += found.length
    return Effect.succeed(found)
  }

  private fail(error: E | Platform.MultipartError): Failing<E> {
    this.failure = Effect.fail(Option.some(error))
    return this.failure
  }

  /** Waits for more bytes. */
  private readonly more: Effect.Effect<void, Option.Option<E | Platform.MultipartError>> = Effect.suspend(() => {
    if (this.failure !== undefined) return this.failure
    return Effect.matchEffect(this.bytes, {
      onFailure: (end) => (Option.isNone(end) ? Effect.sync(() => this.parser.finish()) : this.fail(end.value)),
      onSuccess: (chunk) => {
        for (const bytes of chunk) {
          this.totalBytes += bytes.length
          this.parser.push(bytes)
        }
        return this.totalBytes > this.limits.total
          ? this.fail(fault("BodyTooLarge", `expected at most ${this.limits.total} bytes`))
          : Effect.void
      }
    })
  })

  /** Processes one event of the parser, and adds a complete part to `found`. */
  private process(event: MultipartEvent, found: Array<ReceivedPart>): Platform.MultipartError | undefined {
    switch (event._tag) {
      case "Malformed":
        return fault("Parse", event.description)
      case "Head":
        return this.begin(event.fields, found)
      case "Data":
        // Skips the unread content of a file.
        return this.open === undefined || this.open.isFile ? undefined : this.keep(this.open, event.bytes)
      case "PartEnd": {
        const { open } = this
        this.open = undefined
        if (open === undefined || open.isFile) return undefined
        const error = this.keep(open, undefined)
        if (error === undefined) found.push(makeField(open.head, Buffer.concat(this.fieldBytes)))
        this.fieldBytes = []
        return error
      }
      default:
        return undefined
    }
  }

  private begin(
    fields: ReadonlyArray<readonly [string, string]>,
    found: Array<ReceivedPart>
  ): Platform.MultipartError | undefined {
    this.parts++
    if (this.parts > this.limits.parts) return fault("TooManyParts", `expected at most ${this.limits.parts} parts`)
    const head = parsePartHead(fields)
    const isFile = head.isFile && !this.limits.fieldTypes.some((type) => head.contentType.includes(type))
    const open: OpenPart = { head, isFile, size: 0 }
    this.open = open
    if (isFile) found.push(makeFile(head, this.contentOf(open)))
    return undefined
  }

  private keep(open: OpenPart, bytes: Uint8Array | undefined): Platform.MultipartError | undefined {
    const decoded = bytes === undefined ? open.head.decoder.end() : open.head.decoder.push(bytes)
    open.size += decoded.length
    if (open.size > this.limits.field) return fault("FieldTooLarge", `expected at most ${this.limits.field} bytes`)
    this.fieldBytes.push(decoded)
    return undefined
  }

  /** Streams the bytes of a file. It can run once, before the next part is pulled. */
  private contentOf(open: OpenPart): Stream.Stream<Uint8Array, Platform.MultipartError> {
    let begun = false
    return pullStreamFrom(
      Effect.suspend(() => {
        if (begun || this.open !== open) {
          return Effect.fail(
            fault(
              "InternalError",
              "expected one reader before the next part is pulled: the content was read or skipped before"
            )
          )
        }
        begun = true
        return Effect.succeed(this.contentPull(open))
      })
    )
  }

  private contentPull(open: OpenPart): Pull<Uint8Array, Platform.MultipartError> {
    let ended = false
    const pull: Pull<Uint8Array, Platform.MultipartError> = Effect.suspend(() => {
      if (ended) return Effect.fail(Option.none())
      if (this.open !== open)
        return Effect.fail(
          Option.some(fault("InternalError", "expected a read before the next part is pulled: the content was skipped"))
        )
      const event = this.parser.next()
      if (event === undefined) return Effect.zipRight(Effect.mapError(this.more, toContentError), pull)
      if (event._tag === "Malformed") return Effect.fail(Option.some(fault("Parse", event.description)))
      ended = event._tag !== "Data"
      if (ended) this.open = undefined
      const decoded = event._tag === "Data" ? open.head.decoder.push(event.bytes) : open.head.decoder.end()
      open.size += decoded.length
      if (open.size > this.limits.file) {
        return Effect.mapError(
          this.fail(fault("FileTooLarge", `expected at most ${this.limits.file} bytes`)),
          toContentError
        )
      }
      return decoded.length === 0 ? pull : Effect.succeed([decoded])
    })
    return pull
  }
}

/** Converts an error of the body to an error of the part's content. */
const toContentError = <E>(end: Option.Option<E | Platform.MultipartError>): Option.Option<Platform.MultipartError> =>
  Option.map(end, (cause) =>
    cause instanceof Platform.MultipartError ? cause : multipartError("InternalError", cause)
  )

const boundaryOf = (contentType: string | undefined): string | undefined => {
  const parsed = contentType === undefined ? null : MIMEType.parse(contentType)
  const boundary = parsed?.type === "multipart" ? parsed.parameters.get("boundary") : undefined
  return boundary === "" ? undefined : boundary
}

/** Streams the parts of a message, within the limits of @effect/platform. */
export const receivedParts = <E>(source: {
  readonly headers: { readonly [name: string]: string | undefined }
  readonly stream: Stream.Stream<Uint8Array, E>
}): Stream.Stream<ReceivedPart, E | Platform.MultipartError> => {
  const start: Effect.Effect<
    Pull<ReceivedPart, E | Platform.MultipartError>,
    Platform.MultipartError,
    Scope.Scope
  > = Effect.gen(function* () {
    const boundary = boundaryOf(Headers.fromInput({ ...source.headers })["content-type"])
    if (boundary === undefined) {
      return yield* fault("Parse", "expected a Content-Type of multipart with a boundary")
    }
    return new PartReader(boundary, yield* limits, yield* pullOf(source.stream)).next
  })
  return Stream.unwrapScoped(Effect.map(start, (pull) => pullStreamFrom(Effect.succeed(pull))))
}
