/**
 * Encodes multipart/form-data (RFC 7578) and other multipart bodies. Their length is known if the length of every part
 * is.
 */

import { randomBytes } from "node:crypto"
import * as HttpBody from "@effect/platform/HttpBody"
import * as Stream from "effect/Stream"
import type { Data } from "../../../ClientRequest.js"
import { InvalidRequest, RequestBodyError } from "../../../Errors.js"
import type { Multipart, TypeId as MultipartTypeId, Part } from "../../../Multipart.js"
import { checkField, getField, type Pair, toLatin1 } from "../../http/headerFields.js"
import { isIllFormed } from "../../http/percent.js"
import { showAs } from "../../inspection.js"
import { withDeclaredLength } from "./declaredLength.js"
import { blobStream, isReadWhole, joinPieces, rawStream, wholeBlobSize } from "./rawBody.js"
import { isReplayable, markOneShot, useOnce } from "./replayable.js"

export const TypeId: MultipartTypeId = "~effect-http-session/Multipart"

/** The implementation of the public Multipart type. */
export class MultipartParts implements Multipart {
  static {
    showAs(MultipartParts, "Multipart", ({ contentType, parts }) => ({ contentType, parts }))
  }

  readonly [TypeId]: MultipartTypeId = TypeId
  readonly contentType: string
  readonly subtype: string
  readonly boundary: string
  readonly parts: ReadonlyArray<Part>
  constructor(parts: ReadonlyArray<Part>, subtype: string, boundary: string) {
    this.parts = parts
    this.subtype = subtype
    this.boundary = boundary
    this.contentType = contentTypeOf(subtype, boundary)
  }
}

/** A boundary of 192 random bits, in characters that need no quotes. */
export const randomBoundary = (): string => randomBytes(24).toString("hex")

const contentTypeOf = (subtype: string, boundary: string): string =>
  `multipart/${subtype}; boundary=${/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(boundary) ? boundary : `"${boundary}"`}`

/** A valid boundary (RFC 2046 section 5.1.1). */
const boundaryPattern = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/

export const isMultipart = (u: object): u is Multipart => TypeId in u

const invalid = (description: string): InvalidRequest => new InvalidRequest({ option: "data", description })

/** Escapes quotes and line breaks in a name (HTML, "multipart form data"). */
const escapeName = (name: string): string => name.replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A")

/** Whether a field or file name can be sent. */
const checkName = (name: string): boolean => !/[\0-\x09\x0b\x0c\x0e-\x1f\x7f]/.test(name) && !isIllFormed(name)

/** The Content-Disposition of a form part, or `undefined` if a name is invalid. */
export const disposition = (name: string, filename: string | undefined): string | undefined => {
  if (!checkName(name) || (filename !== undefined && !checkName(filename))) return undefined
  const file = filename === undefined ? "" : `; filename="${escapeName(filename)}"`
  return `form-data; name="${escapeName(name)}"${file}`
}

interface Section {
  readonly head: Buffer
  readonly body: HttpBody.HttpBody
  readonly length: number | undefined
  /** The source of the body, if it is a Blob that is read as a whole. */
  readonly blob: Blob | undefined
}

const lengthOf = (body: HttpBody.HttpBody): number | undefined =>
  body._tag === "Empty" ? 0 : body._tag === "Uint8Array" ? body.body.length : body.contentLength

const toSection = (boundary: string, headers: ReadonlyArray<Pair>, body: HttpBody.HttpBody, blob?: Blob): Section => {
  let head = `--${boundary}\r\n`
  for (const [name, value] of headers) head += `${name}: ${toLatin1(value)}\r\n`
  const whole = blob !== undefined && isReadWhole(blob) ? blob : undefined
  return { head: Buffer.from(`${head}\r\n`, "latin1"), body, length: lengthOf(body), blob: whole }
}

/** Converts the data of a part to a body. */
export type PartBody = (
  data: Data,
  boundary?: string,
  contentType?: string
) => HttpBody.HttpBody | InvalidRequest | RequestBodyError

const partSection = (boundary: string, part: Part, toBody: PartBody): Section | InvalidRequest | RequestBodyError => {
  if (part.headers.some(([name, value]) => checkField(name, value) !== undefined)) {
    return invalid(
      "expected parts with valid headers, and with names without control characters or unpaired surrogates"
    )
  }
  const body = toBody(part.data, undefined, getField(part.headers, "content-type"))
  if (body instanceof InvalidRequest || body instanceof RequestBodyError) return body
  const blob = part.data instanceof Blob ? part.data : undefined
  return toSection(boundary, part.headers, body._tag === "Raw" ? readOnce(body) : body, blob)
}

/** Converts a Raw body to a stream. A source that can be read only once makes the whole message a one-shot body. */
const readOnce = (raw: HttpBody.Raw): HttpBody.Stream => {
  const isRepeatable = isReplayable(raw)
  const stream = Stream.suspend(() =>
    isRepeatable || useOnce(raw)
      ? rawStream(raw.body)
      : Stream.fail(
          new RequestBodyError({
            reason: "NotReplayable",
            cause: new TypeError("expected a part that can be sent again, got one that was sent before")
          })
        )
  )
  const body = HttpBody.stream(stream, raw.contentType, raw.contentLength)
  return isRepeatable ? body : markOneShot(body)
}

const crlf = Buffer.from("\r\n", "latin1")

/** A message of at most this many bytes becomes one array, unless a part is a stream. */
const maxJoinedSize = wholeBlobSize

/** The bytes of a part, unless it is a stream. Blobs must be read. */
const bytesOf = ({ blob, body }: Section): Uint8Array | Blob | undefined =>
  body._tag === "Uint8Array" ? body.body : body._tag === "Empty" ? new Uint8Array(0) : blob

/** The pieces of a message in order, if no part is a stream. */
const piecesOf = (sections: ReadonlyArray<Section>, tail: Uint8Array): Array<Uint8Array | Blob> | undefined => {
  const pieces: Array<Uint8Array | Blob> = []
  for (const section of sections) {
    const bytes = bytesOf(section)
    if (bytes === undefined) return undefined
    pieces.push(section.head, bytes, crlf)
  }
  return [...pieces, tail]
}

const isBytes = (pieces: ReadonlyArray<Uint8Array | Blob>): pieces is ReadonlyArray<Uint8Array> =>
  pieces.every((piece) => piece instanceof Uint8Array)

const sectionStream = (section: Section): Stream.Stream<Uint8Array, unknown> => {
  const { body } = section
  const content =
    body._tag === "Stream"
      ? section.length === undefined
        ? body.stream
        : withDeclaredLength(body.stream, section.length)
      : body._tag === "Uint8Array"
        ? Stream.succeed(body.body)
        : Stream.empty
  return Stream.concat(Stream.concat(Stream.succeed<Uint8Array>(section.head), content), Stream.succeed(crlf))
}

const assemble = (
  sections: ReadonlyArray<Section>,
  boundary: string,
  contentType: string
): HttpBody.Uint8Array | HttpBody.Stream => {
  const tail = Buffer.from(`--${boundary}--\r\n`, "latin1")
  let total: number | undefined = tail.length
  for (const { head, length } of sections) {
    total = total === undefined || length === undefined ? undefined : total + head.length + length + crlf.length
  }
  const pieces = total !== undefined && total <= maxJoinedSize ? piecesOf(sections, tail) : undefined
  if (pieces !== undefined) {
    return isBytes(pieces)
      ? HttpBody.uint8Array(Buffer.concat(pieces), contentType)
      : HttpBody.stream(Stream.fromEffect(joinPieces(pieces)), contentType, total)
  }
  const stream = Stream.flatten(Stream.fromIterable([...sections.map(sectionStream), Stream.succeed<Uint8Array>(tail)]))
  const body = HttpBody.stream(stream, contentType, total)
  return sections.every((section) => isReplayable(section.body)) ? body : markOneShot(body)
}

/** The parts of a web FormData: strings are fields, everything else is a file. */
const formSections = (form: FormData, boundary: string): ReadonlyArray<Section> | InvalidRequest => {
  const out: Array<Section> = []
  for (const [name, value] of form.entries()) {
    const field = normalizeLineEnds(name)
    const header = disposition(field, typeof value === "string" ? undefined : value.name)
    if (header === undefined) return invalid("expected names of fields and files without control characters")
    if (typeof value === "string") {
      const text = Buffer.from(normalizeLineEnds(value), "utf8")
      out.push(toSection(boundary, [["Content-Disposition", header]], HttpBody.uint8Array(text)))
      continue
    }
    const type = value.type === "" ? "application/octet-stream" : value.type
    if (checkField("Content-Type", type) !== undefined)
      return invalid("expected the type of a file without control characters")
    const fields: ReadonlyArray<Pair> = [
      ["Content-Disposition", header],
      ["Content-Type", type]
    ]
    out.push(toSection(boundary, fields, HttpBody.stream(blobStream(value), type, value.size), value))
  }
  return out
}

const normalizeLineEnds = (text: string): string => text.replace(/\r\n|\r|\n/g, "\r\n")

/** The body of a multipart message or FormData. `boundary` replaces the boundary of the message. */
export const toMultipartBody = (
  data: Multipart | FormData,
  boundary: string | undefined,
  toBody: PartBody
): HttpBody.Uint8Array | HttpBody.Stream | InvalidRequest | RequestBodyError => {
  if (boundary !== undefined && !boundaryPattern.test(boundary))
    return invalid("expected a boundary of 1 to 70 characters that RFC 2046 section 5.1.1 allows")
  if (data instanceof FormData) {
    const actualBoundary = boundary ?? randomBoundary()
    const sections = formSections(data, actualBoundary)
    return sections instanceof InvalidRequest
      ? sections
      : assemble(sections, actualBoundary, contentTypeOf("form-data", actualBoundary))
  }
  if (!(data instanceof MultipartParts)) return invalid("expected a multipart body made by Multipart.make")
  const actualBoundary = boundary ?? data.boundary
  if (!boundaryPattern.test(actualBoundary))
    return invalid("expected a boundary of 1 to 70 characters that RFC 2046 section 5.1.1 allows")
  if (!/^[!#$&\-^_.+0-9A-Za-z]+$/.test(data.subtype)) return invalid("expected a multipart subtype that is a token")
  const sections: Array<Section> = []
  for (const part of data.parts) {
    if (data.subtype === "form-data" && part.name === undefined)
      return invalid("expected a name for each part of a form")
    const section = partSection(actualBoundary, part, toBody)
    if (section instanceof InvalidRequest || section instanceof RequestBodyError) return section
    sections.push(section)
  }
  return assemble(sections, actualBoundary, contentTypeOf(data.subtype, actualBoundary))
}

/** The boundary in a Content-Type header that the caller set for a multipart body. */
export const multipartBoundary = (data: Data, contentType: string | undefined): string | undefined | InvalidRequest => {
  if (contentType === undefined || typeof data !== "object" || data === null) return undefined
  const multipart =
    isMultipart(data) || data instanceof FormData || (HttpBody.isHttpBody(data) && data._tag === "FormData")
  if (!multipart || !/^multipart\//i.test(contentType)) return undefined
  const match = /;[\t ]*boundary=(?:"([^"]*)"|([^;\t ]*))/i.exec(contentType)
  return (
    match?.[1] ??
    match?.[2] ??
    new InvalidRequest({
      option: "content-type",
      description: "expected a boundary; omit the header to send that of the body"
    })
  )
}
