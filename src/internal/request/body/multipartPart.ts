/** Builds one part of a multipart body. Its headers follow from its name, data and options. */
import * as HttpBody from "@effect/platform/HttpBody"
import type { Data } from "../../../ClientRequest.js"
import type { Part, PartOptions } from "../../../Multipart.js"
import { contentOf } from "../../effect/bodies.js"
import { isStream } from "../../effect/streams.js"
import { getField, isFault, mergeFields, noFields, type Pair, toFields } from "../../http/headerFields.js"
import { mimeTypeOf } from "../../http/mimeTypes.js"
import { showObjectAs } from "../../inspection.js"
import { redactHeaders } from "../../redact.js"
import { disposition } from "./multipart.js"
import { isRawBody } from "./rawBody.js"

/** Whether a part with this data gets a filename by default. */
const isFile = (data: Data): boolean =>
  data instanceof Uint8Array ||
  (typeof data === "object" && data !== null && (isStream(data) || isStreamBody(data) || isRawBody(data)))

const isStreamBody = (data: object): boolean =>
  HttpBody.isHttpBody(data) && (data._tag === "Stream" || data._tag === "Raw")

/** The name of a File; `undefined` for other data. */
const ownFilename = (data: Data): string | undefined =>
  data instanceof Blob && "name" in data && typeof data.name === "string" ? data.name : undefined

/** An invalid header, which makes the request fail when it is prepared. */
const invalidPair: Pair = ["", ""]

/** Attaches a declared length to data that is a stream. */
const withLength = (data: Data, length: number | undefined): Data =>
  length === undefined || typeof data !== "object" || data === null
    ? data
    : isStream(data)
      ? HttpBody.stream(data, undefined, length)
      : isRawBody(data) && !(data instanceof Blob)
        ? HttpBody.raw(data, { contentLength: length })
        : data

const typeOf = (data: Data, filename: string | undefined): string | undefined => {
  if (typeof data === "object" && data !== null && HttpBody.isHttpBody(data)) {
    const { contentType } = contentOf(data)
    if (contentType !== undefined) return contentType
  }
  if (data instanceof Blob && data.type !== "") return data.type
  return filename === undefined ? contentTypeOf(data) : mimeTypeOf(filename)
}

/** The content type of a nested multipart message. */
const contentTypeOf = (data: Data): string | undefined =>
  typeof data === "object" && data !== null && "contentType" in data && typeof data.contentType === "string"
    ? data.contentType
    : undefined

export const makePart = (name: string | undefined, data: Data, options: PartOptions): Part => {
  const filename = options.filename ?? ownFilename(data) ?? (isFile(data) ? name : undefined)
  const headers: Array<Pair> = []
  if (name !== undefined) {
    const value = disposition(name, filename)
    headers.push(value === undefined ? invalidPair : ["Content-Disposition", value])
  }
  const contentType = options.contentType ?? typeOf(data, filename)
  if (contentType !== undefined) headers.push(["Content-Type", contentType])
  const parsed = options.headers === undefined ? noFields : toFields(options.headers)
  const more = isFault(parsed) ? { ...noFields, pairs: [invalidPair] } : parsed
  const { pairs: merged, secret } = mergeFields({ pairs: headers, secret: noFields.secret }, more)
  const isComplete = getField(merged, "content-disposition") !== undefined || name === undefined
  const all = isComplete ? merged : [...merged, invalidPair]
  return showObjectAs({ name, headers: all, data: withLength(data, options.contentLength) }, () => ({
    name,
    headers: redactHeaders(all, secret)
  }))
}
