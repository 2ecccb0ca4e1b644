/**
 * From a request value to a prepared request.
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Option from "effect/Option"
import type { ClientRequest, RequestOptions } from "../../ClientRequest.js"
import { InvalidRequest } from "../../Errors.js"
import { mergeOptions } from "./options.js"
import { adopt, prepare } from "./prepare.js"
import { Prepared } from "./prepared.js"
import type { Prepare } from "./verbs.js"

const isPlatformRequest = (
  value: HttpClientRequest.HttpClientRequest | ClientRequest
): value is HttpClientRequest.HttpClientRequest => HttpClientRequest.TypeId in value

/** The options that say what a request of @effect/platform says. */
export const platformOptions = (request: HttpClientRequest.HttpClientRequest): RequestOptions => ({
  headers: Object.entries(request.headers),
  ...(request.urlParams.length === 0 ? {} : { params: request.urlParams }),
  ...(request.body._tag === "Empty" ? {} : { data: request.body })
})

const urlOf = (request: HttpClientRequest.HttpClientRequest): string =>
  Option.match(request.hash, { onNone: () => request.url, onSome: (hash) => `${request.url}#${hash}` })

/** Prepares a value under a session's defaults; `options` come before what the value says. */
export const fromRequestValue =
  (value: HttpClientRequest.HttpClientRequest | ClientRequest, options: RequestOptions | undefined): Prepare =>
  (opener, fiber) => {
    const given = mergeOptions(opener.current(fiber.currentContext) ?? {}, options ?? {})
    if (isPlatformRequest(value)) {
      return prepare(opener.defaults, value.method, urlOf(value), mergeOptions(platformOptions(value), given))
    }
    return value instanceof Prepared
      ? adopt(opener.defaults, value, given)
      : new InvalidRequest({ option: "request", description: "it was not made by ClientRequest.make" })
  }
