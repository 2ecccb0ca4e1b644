/** Converts the options `json`, `text` and `data` to an HttpBody. */
import * as HttpBody from "@effect/platform/HttpBody"
import type { Data } from "../../../ClientRequest.js"
import { InvalidRequest, RequestBodyError } from "../../../Errors.js"
import { isStream } from "../../effect/streams.js"
import { parse } from "../../http/mediaType.js"
import { toForm, toPairs } from "../../http/query.js"
import { encodeText } from "../../http/textEncoder.js"
import { kindOf } from "../../userResult.js"
import { isPackageForm, packageFormLength, packageFormType } from "./formDataPackage.js"
import { isMultipart, toMultipartBody } from "./multipart.js"
import { blobStream, isRawBody, rawBytes } from "./rawBody.js"

const textType = "text/plain; charset=utf-8"
const formType = "application/x-www-form-urlencoded"
const bytesType = "application/octet-stream"

const encodeError = (description: string, cause?: unknown): RequestBodyError =>
  new RequestBodyError({ reason: "Encode", cause: cause ?? new TypeError(description) })

/** A JSON body, or the error if the value cannot be serialized. */
export const jsonBody = (
  value: unknown,
  serialize: ((value: unknown) => string | Uint8Array) | undefined
): HttpBody.Uint8Array | RequestBodyError => {
  let text: unknown
  try {
    text = serialize === undefined ? JSON.stringify(value) : serialize(value)
  } catch (cause) {
    return encodeError("", cause)
  }
  if (typeof text === "string") return HttpBody.uint8Array(Buffer.from(text, "utf8"), "application/json")
  if (text instanceof Uint8Array) return HttpBody.uint8Array(text, "application/json")
  return encodeError("the value cannot be serialized as JSON")
}

/** A text body in the charset of a Content-Type, or in UTF-8 if it names none. */
export const textBody = (text: string, contentType?: string): HttpBody.Uint8Array | InvalidRequest => {
  const charset = contentType === undefined ? undefined : parse(contentType).charset
  const bytes = charset === undefined ? Buffer.from(text, "utf8") : encodeText(text, charset)
  return typeof bytes === "string"
    ? new InvalidRequest({ option: "content-type", description: bytes })
    : HttpBody.uint8Array(bytes, textType)
}

/**
 * The body for the option `data`. `boundary` is the boundary in a Content-Type header, for multipart bodies. Text is
 * encoded in the charset of `contentType`.
 */
export const toBody = (
  data: Data,
  boundary?: string,
  contentType?: string
): HttpBody.HttpBody | InvalidRequest | RequestBodyError => {
  if (typeof data === "string") return textBody(data, contentType)
  if (data instanceof Uint8Array) return HttpBody.uint8Array(data, bytesType)
  if (typeof data !== "object" || data === null) {
    return new InvalidRequest({
      option: "data",
      description: `expected a body, got ${kindOf(data)}`
    })
  }
  if (HttpBody.isHttpBody(data)) {
    if (data._tag === "FormData") return toMultipartBody(data.formData, boundary, toBody)
    return data._tag === "Raw" ? fromRaw(data, boundary) : data
  }
  if (isMultipart(data) || data instanceof FormData) return toMultipartBody(data, boundary, toBody)
  if (isStream(data)) return HttpBody.stream(data, bytesType)
  if (isRaw(data)) return fromRaw(HttpBody.raw(data), boundary)
  const pairs = toPairs(data)
  if (typeof pairs === "string") return new InvalidRequest({ option: "data", description: `not a form: ${pairs}` })
  return HttpBody.uint8Array(Buffer.from(toForm(pairs), "latin1"), formType)
}

/** The types of raw bodies. */
type RawData = ArrayBuffer | ArrayBufferView | Blob | ReadableStream | AsyncIterable<unknown>

const isRaw = (data: object): data is RawData => isRawBody(data)

/** Converts a raw body in memory to bytes. Others stay raw, and are read when they are sent. */
const fromRaw = (
  raw: HttpBody.Raw,
  boundary: string | undefined
): HttpBody.HttpBody | InvalidRequest | RequestBodyError => {
  const bytes = rawBytes(raw.body)
  if (bytes !== undefined) return HttpBody.uint8Array(bytes, raw.contentType ?? bytesType)
  if (raw.body instanceof FormData) return toMultipartBody(raw.body, boundary, toBody)
  if (raw.body instanceof Blob) {
    return HttpBody.stream(blobStream(raw.body), raw.contentType ?? (raw.body.type || bytesType), raw.body.size)
  }
  if (isPackageForm(raw.body)) {
    return HttpBody.raw(raw.body, {
      contentType: raw.contentType ?? packageFormType(raw.body),
      contentLength: raw.contentLength ?? packageFormLength(raw.body)
    })
  }
  return raw.contentType === undefined
    ? HttpBody.raw(raw.body, { contentType: bytesType, contentLength: raw.contentLength })
    : raw
}
