/** Reads requests and bodies of @effect/platform. */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as UrlParams from "@effect/platform/UrlParams"
import type * as Effect from "effect/Effect"

/** The content that a body declares. */
export interface Content {
  readonly contentType?: string | undefined
  readonly contentLength?: number | undefined
}

/** The content type and length that a body declares. */
export const contentOf = (body: HttpBody.HttpBody): Content => body

/** The names and values of URL parameters. */
export const pairsOf = (params: UrlParams.UrlParams): ReadonlyArray<readonly [name: string, value: string]> => params

/** Like `pairsOf`, for printing: values that are marked as secret are hidden. */
export const shownPairsOf = pairsOf

/** Whether a value is a request of @effect/platform. */
export const isRequest = (value: object): value is HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.TypeId in value

/** The type that Effect has for JSON values. */
export type Json = unknown

/** Types the result of an effect that parses JSON. */
export const jsonOf = <E>(parsed: Effect.Effect<unknown, E>): Effect.Effect<Json, E> => parsed
