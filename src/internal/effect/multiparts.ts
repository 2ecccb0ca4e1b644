/** Reads the limits of received bodies, and makes errors of multipart messages. */
import * as IncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as Multipart from "@effect/platform/Multipart"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Option from "effect/Option"

/** The limits of a fiber, in bytes and parts; `Infinity` without a limit. */
export interface MultipartLimits {
  readonly parts: number
  readonly field: number
  readonly file: number
  readonly total: number
  /** Content types of parts that are fields even with a filename. */
  readonly fieldTypes: ReadonlyArray<string>
}

export type MultipartReason = Multipart.MultipartError["reason"]

export const multipartError = (reason: MultipartReason, cause: unknown): Multipart.MultipartError =>
  new Multipart.MultipartError({ reason, cause })

const numberOf = (size: Option.Option<unknown>): number => (Option.isNone(size) ? Infinity : Number(size.value))

export const limitsIn = (context: Context.Context<never>): MultipartLimits => ({
  parts: numberOf(Context.get(context, Multipart.MaxParts)),
  field: Number(Context.get(context, Multipart.MaxFieldSize)),
  file: numberOf(Context.get(context, Multipart.MaxFileSize)),
  total: numberOf(Context.get(context, IncomingMessage.MaxBodySize)),
  fieldTypes: Chunk.toReadonlyArray(Context.get(context, Multipart.FieldMimeTypes))
})

/**
 * Most decoded bytes of a body that a fiber may read (`HttpIncomingMessage.MaxBodySize`); `Infinity` without a limit.
 */
export const bodyLimitIn = (context: Context.Context<never>): number =>
  context.unsafeMap.has(IncomingMessage.MaxBodySize.key)
    ? numberOf(Context.get(context, IncomingMessage.MaxBodySize))
    : Infinity
