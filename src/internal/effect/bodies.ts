/** Bodies of @effect/platform. */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as Multipart from "@effect/platform/Multipart"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"

/** What a body says of its content. */
export interface Content {
  readonly contentType?: string | undefined
  readonly contentLength?: number | undefined
}

/** The content type and length that a body declares. */
export const contentOf = (body: HttpBody.HttpBody): Content => body

/** Content types of parts that are fields, whatever their names (`Multipart.FieldMimeTypes`). */
export const fieldTypesIn = (context: Context.Context<never>): ReadonlyArray<string> =>
  Chunk.toReadonlyArray(Context.get(context, Multipart.FieldMimeTypes))
