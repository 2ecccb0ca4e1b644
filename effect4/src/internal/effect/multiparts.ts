/** Reads the limits of received bodies, and makes errors of multipart messages. */
import * as Context from "effect/Context"
import * as IncomingMessage from "effect/http/HttpIncomingMessage"
import * as Multipart from "effect/http/Multipart"

/** The limits of a fiber, in bytes and parts; `Infinity` without a limit. */
export interface MultipartLimits {
  readonly parts: number
  readonly field: number
  readonly file: number
  readonly total: number
  /** Content types of parts that are fields even with a filename. */
  readonly fieldTypes: ReadonlyArray<string>
}

export type MultipartReason = Multipart.MultipartErrorReason["_tag"]

export const multipartError = (reason: MultipartReason, cause: unknown): Multipart.MultipartError =>
  Multipart.MultipartError.fromReason(reason, cause)

const numberOf = (size: unknown): number => (size === undefined ? Infinity : Number(size))

export const limitsIn = (context: Context.Context<never>): MultipartLimits => ({
  parts: numberOf(Context.get(context, Multipart.MaxParts)),
  field: numberOf(Context.get(context, Multipart.MaxFieldSize)),
  file: numberOf(Context.get(context, Multipart.MaxFileSize)),
  total: numberOf(Context.get(context, IncomingMessage.MaxBodySize)),
  fieldTypes: Context.get(context, Multipart.FieldMimeTypes)
})

/**
 * Most decoded bytes of a body that a fiber may read (`HttpIncomingMessage.MaxBodySize`); `Infinity` without a limit.
 */
export const bodyLimitIn = (context: Context.Context<never>): number =>
  context.mapUnsafe.has(IncomingMessage.MaxBodySize.key)
    ? numberOf(Context.get(context, IncomingMessage.MaxBodySize))
    : Infinity
