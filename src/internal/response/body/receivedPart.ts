/** One part of a received multipart message: its parsed headers, and its public form. */
import * as Headers from "@effect/platform/Headers"
import * as Platform from "@effect/platform/Multipart"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ContentDisposition } from "../../../ClientResponse.js"
import type { ReceivedField, ReceivedFile } from "../../../Multipart.js"
import { InspectableClass } from "../../effect/printing.js"
import { parse as parseDisposition } from "../../http/contentDisposition.js"
import { isJson, parse as parseMediaType } from "../../http/mediaType.js"
import { type TransferDecoder, transferDecoder } from "../../http/transferEncoding.js"
import { canonical, decode } from "./charset.js"

/** The parsed headers of a part. */
export interface PartHead {
  readonly headers: Headers.Headers
  readonly disposition: Option.Option<ContentDisposition>
  readonly name: string
  readonly filename: string | undefined
  readonly contentType: string
  readonly charset: string | undefined
  readonly isFile: boolean
  readonly decoder: TransferDecoder
}

const hasText = (essence: string): boolean => essence.startsWith("text/") || isJson(essence)

/**
 * Parses the headers of a part. As in @effect/platform, a part is a file if it has a filename or the type
 * application/octet-stream. A part without a name is also a file, unless its type is text or JSON. The default type is
 * text (RFC 2046 section 5.1).
 */
export const parsePartHead = (fields: ReadonlyArray<readonly [name: string, value: string]>): PartHead => {
  const headers = Headers.fromInput(fields)
  const disposition = parseDisposition(headers["content-disposition"])
  const parsed = Option.getOrUndefined(disposition)
  const filename = Option.getOrUndefined(Option.flatMap(disposition, (each) => each.filename))
  const name = parsed?.parameters.name
  const type = headers["content-type"]
  const media = type === undefined || type === "" ? undefined : parseMediaType(type)
  const contentType = media?.essence ?? (filename === undefined ? "text/plain" : "application/octet-stream")
  return {
    headers,
    disposition,
    name: name ?? "",
    filename,
    contentType,
    charset: media?.charset,
    isFile:
      filename !== undefined ||
      contentType === "application/octet-stream" ||
      (name === undefined && !hasText(contentType)),
    decoder: transferDecoder(headers["content-transfer-encoding"])
  }
}

abstract class Part extends InspectableClass {
  readonly [Platform.TypeId]: typeof Platform.TypeId = Platform.TypeId
  readonly key: string
  readonly contentType: string
  readonly headers: Headers.Headers
  readonly disposition: Option.Option<ContentDisposition>

  constructor(head: PartHead) {
    super()
    this.key = head.name
    this.contentType = head.contentType
    this.headers = head.headers
    this.disposition = head.disposition
  }
}

class Field extends Part implements ReceivedField {
  readonly _tag = "Field"
  readonly value: string

  constructor(head: PartHead, bytes: Uint8Array) {
    super(head)
    this.value = decode(bytes, canonical(head.charset ?? "utf-8") ?? "utf-8")
  }

  toJSON(): unknown {
    const { contentType, key, value } = this
    return { _id: "@effect/platform/Multipart/Part", _tag: "Field", key, contentType, value }
  }
}

class File extends Part implements ReceivedFile {
  readonly _tag = "File"
  readonly name: string
  readonly content: Stream.Stream<Uint8Array, Platform.MultipartError>

  constructor(head: PartHead, content: Stream.Stream<Uint8Array, Platform.MultipartError>) {
    super(head)
    this.name = head.filename ?? head.name
    this.content = content
  }

  get contentEffect(): Effect.Effect<Uint8Array, Platform.MultipartError> {
    return Effect.map(Stream.runCollect(this.content), (chunks) => Buffer.concat(Array.from(chunks)))
  }

  toJSON(): unknown {
    const { contentType, key, name } = this
    return { _id: "@effect/platform/Multipart/Part", _tag: "File", key, name, contentType }
  }
}

/** Makes a field from its bytes. */
export const makeField = (head: PartHead, bytes: Uint8Array): ReceivedField => new Field(head, bytes)

/** Makes a file from the stream of its bytes. */
export const makeFile = (head: PartHead, content: Stream.Stream<Uint8Array, Platform.MultipartError>): ReceivedFile =>
  new File(head, content)
