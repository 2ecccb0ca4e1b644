/** Redacted copies of requests and responses for signals, computed on access. */
import * as Headers from "@effect/platform/Headers"
import type { ClientResponse, RequestInfo, ResponseHead } from "../../ClientResponse.js"
import { emptyRecord, fromRecord } from "../http/concealedHeaders.js"
import type { Fields } from "../http/headerFields.js"
import { headersOf, headersSent } from "../http/platformHeaders.js"
import { joinValues } from "../network/http1/head.js"
import { redacted, redactHeader, redactUrl } from "../redact.js"
import { type HeadSource, ResponseHeadView } from "../response/responseHead.js"
import type { Head } from "../transport/transport.js"

/** A head with secret values redacted. */
class ShownHead implements Head {
  private readonly head: Head
  constructor(head: Head) {
    this.head = head
  }
  get status(): number {
    return this.head.status
  }
  get reason(): string {
    return this.head.reason
  }
  get version(): Head["version"] {
    return this.head.version
  }
  get count(): number {
    return this.head.count
  }
  get contentLength(): number | undefined {
    return this.head.contentLength
  }
  get lengthVerified(): boolean {
    return this.head.lengthVerified
  }
  get toleratesTruncatedCoding(): boolean {
    return this.head.toleratesTruncatedCoding
  }
  get deviations(): number {
    return this.head.deviations
  }
  name(index: number): string {
    return this.head.name(index)
  }
  value(index: number): string {
    return redactHeader(this.head.name(index), this.head.value(index))
  }
  get(name: string): string | undefined {
    const value = this.head.get(name)
    return value === undefined ? undefined : redactHeader(name, value)
  }
  getAll(name: string): ReadonlyArray<string> {
    return this.head.getAll(name).map((value) => redactHeader(name, value))
  }
  get typeText(): string | undefined {
    return joinValues(this.getAll("content-type"))
  }
  raw(): ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]> {
    return this.head.raw().map(([name, value], index) => {
      const shown = this.value(index)
      return shown === this.head.value(index) ? [name, value] : [name, Buffer.from(shown, "latin1")]
    })
  }
}

/** The redacted request of a response. Retains only the necessary fields, not the hop. */
class ShownSource implements HeadSource {
  readonly method: string
  private readonly target: { readonly url: string; readonly realUrl: string }
  private readonly head: string | undefined
  private readonly secret: ReadonlySet<string>

  constructor(source: HeadSource) {
    this.method = source.method
    const sent = source.written?.()
    this.target = sent?.target ?? { url: source.url, realUrl: source.realUrl }
    this.head = sent?.head
    this.secret = sent?.secret ?? none
  }
  get url(): string {
    return redactUrl(this.target.url)
  }
  get realUrl(): string {
    return redactUrl(this.target.realUrl)
  }
  requestInfo(): RequestInfo {
    const headers = this.head === undefined ? Headers.empty : shownLines(this.head, this.secret)
    return { method: this.method, url: this.url, realUrl: this.realUrl, headers }
  }
}

const none: ReadonlySet<string> = new Set()

/** The head of a response with secrets redacted. */
export const shownResponse = (response: ClientResponse): ResponseHead =>
  response instanceof ResponseHeadView
    ? response.view((head, source) => new ResponseHeadView(new ShownHead(head), new ShownSource(source)))
    : response

const shown = (headers: Headers.Headers, secret: ReadonlySet<string>): Headers.Headers => {
  const out = emptyRecord()
  for (const [name, value] of Object.entries(headers)) {
    out[name] = secret.has(name) ? redacted : redactHeader(name, value)
  }
  return fromRecord(out)
}

// The headers of the last request, because all requests of a session that set no headers have the same ones.
let lastFields: Fields | undefined
let lastShownFields: Headers.Headers = Headers.empty
let lastHead = ""
let lastSecret: ReadonlySet<string> = none
let lastShownLines: Headers.Headers = Headers.empty

/** The headers that session and request set, redacted. */
export const shownFields = (fields: Fields): Headers.Headers => {
  if (fields === lastFields) return lastShownFields
  const { pairs, secret } = fields
  const headers = headersOf(
    pairs.length,
    (index) => pairs[index]?.[0] ?? "",
    (index) => pairs[index]?.[1] ?? ""
  )
  lastShownFields = Object.freeze(shown(headers, secret))
  lastFields = fields
  return lastShownFields
}

/** The headers of a serialized head, redacted. */
export const shownLines = (head: string, secret: ReadonlySet<string>): Headers.Headers => {
  if (head === lastHead && secret === lastSecret) return lastShownLines
  lastShownLines = Object.freeze(shown(headersSent(head), secret))
  lastHead = head
  lastSecret = secret
  return lastShownLines
}

/** The headers of a response head, redacted. */
export const shownHead = (head: Head): Headers.Headers =>
  shown(
    headersOf(
      head.count,
      (index) => head.name(index),
      (index) => head.value(index)
    ),
    none
  )
