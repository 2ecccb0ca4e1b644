/** Converts the options `json`, `text` and `data` to an HttpBody. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as Stream from "effect/Stream"
import type { Data } from "../../../ClientRequest.js"
import { InvalidRequest, RequestBodyError } from "../../../Errors.js"
import { toForm, toPairs } from "../../http/query.js"
import { kindOf } from "../../userResult.js"
import { isMultipart, toMultipartBody } from "./multipart.js"
import { blobStream, rawBytes } from "./rawBody.js"

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

/** A text body. */
export const textBody = (text: string): HttpBody.Uint8Array => HttpBody.uint8Array(Buffer.from(text, "utf8"), textType)

/** Whether an object is a body of a kind that only HttpBody.raw accepts. */
const isOther = (data: object): boolean =>
  data instanceof Blob || data instanceof ArrayBuffer || ArrayBuffer.isView(data) || Symbol.asyncIterator in data

const other = "; pass Blobs, buffers and Node or web streams with HttpBody.raw"

/** The body for the option `data`. `boundary` is that of a Content-Type header, for multipart bodies. */
export const toBody = (data: Data, boundary?: string): HttpBody.HttpBody | InvalidRequest | RequestBodyError => {
  if (typeof data === "string") return textBody(data)
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
  if (Stream.StreamTypeId in data) return HttpBody.stream(data, bytesType)
  const pairs = toPairs(data)
  if (typeof pairs === "string")
    return new InvalidRequest({ option: "data", description: `not a form: ${pairs}${isOther(data) ? other : ""}` })
  return HttpBody.uint8Array(Buffer.from(toForm(pairs), "latin1"), formType)
}

/** Converts a raw body that is in memory to bytes; others stay raw and are read when they are sent. */
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
  return raw.contentType === undefined
    ? HttpBody.raw(raw.body, { contentType: bytesType, contentLength: raw.contentLength })
    : raw
}
