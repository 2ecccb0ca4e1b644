/** Copies platform requests for errors and responses. Programs read them unchanged, but they print without secrets. */
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Option from "effect/Option"
import { contentOf, shownPairsOf } from "../effect/bodies.js"
import { format } from "../effect/printing.js"
import { type HiddenNames, shownRecord } from "../http/concealedHeaders.js"
import { redactParams, redactUrl } from "../redact.js"

/** Shows only the type of the body, which may contain a password. */
const shownRequest = (request: HttpClientRequest, names: HiddenNames): object => {
  const { body, hash, headers, method, url, urlParams } = request
  return {
    _id: "@effect/platform/HttpClientRequest",
    method,
    url: redactUrl(url),
    urlParams: redactParams(shownPairsOf(urlParams)),
    hash: Option.map(hash, (text) => redactUrl(`#${text}`).slice(1)),
    headers: shownRecord(headers, names),
    body: { _tag: body._tag, ...contentOf(body) }
  }
}

const hiddenNames = new WeakMap<HttpClientRequest, HiddenNames>()

/** The header names that were passed to `hideSecrets` for this copy. */
export const hiddenNamesOf = (request: HttpClientRequest): HiddenNames => hiddenNames.get(request) ?? []

const member = (value: (this: HttpClientRequest) => unknown): PropertyDescriptor => ({
  configurable: true,
  writable: true,
  value
})

/** Every way to print a platform request calls one of these. */
const printing: PropertyDescriptorMap = {
  toJSON: member(function () {
    return shownRequest(this, hiddenNamesOf(this))
  }),
  toString: member(function () {
    return format(shownRequest(this, hiddenNamesOf(this)))
  })
}

/** A copy that prints without the values of secret parameters and headers; `names` adds header names. */
export const hideSecrets = (request: HttpClientRequest, names: HiddenNames): HttpClientRequest => {
  const copy: HttpClientRequest = Object.assign(Object.create(Object.getPrototypeOf(request)), request)
  hiddenNames.set(copy, names)
  return Object.defineProperties(copy, printing)
}
