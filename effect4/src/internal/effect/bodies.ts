/** Reads requests and bodies of Effect's HTTP modules. */
import type * as Effect from "effect/Effect"
import type * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as UrlParams from "effect/http/UrlParams"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"

/** The content that a body declares. */
export interface Content {
  readonly contentType?: string | undefined
  readonly contentLength?: number | undefined
}

/** The content type and length that a body declares, without its other fields. */
export const contentOf = (body: HttpBody.HttpBody): Content => {
  const { contentLength, contentType }: HttpBody.HttpBody.Proto = body
  return { contentLength, contentType }
}

/** The names and values of URL parameters. */
export const pairsOf = (params: UrlParams.UrlParams): ReadonlyArray<readonly [name: string, value: string]> =>
  params.params.map(([name, value]) => [name, Redacted.isRedacted(value) ? Redacted.value(value) : value])

/** Like `pairsOf`, for printing: values that are marked as secret are hidden. */
export const shownPairsOf = (params: UrlParams.UrlParams): ReadonlyArray<readonly [name: string, value: string]> =>
  params.params.map(([name, value]) => [name, String(value)])

/** Whether a value is a request of Effect. */
export const isRequest = (value: object): value is HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.isHttpClientRequest(value)

/** The type that Effect has for JSON values. */
export type Json = Schema.Json

/** Types the result of an effect that parses JSON: `JSON.parse` returns only such values. */
export const jsonOf = <E>(parsed: Effect.Effect<unknown, E>): Effect.Effect<Json, E> => parsed as Effect.Effect<Json, E>
