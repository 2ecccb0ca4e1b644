/** Makes and reads Effect's errors of files and stores, and sets positions in files. */
import type * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as PlatformError from "effect/PlatformError"

/** The fields of an error of the system. */
export interface SystemFields extends Omit<ConstructorParameters<typeof PlatformError.SystemError>[0], "_tag"> {
  readonly reason: PlatformError.SystemErrorTag
}

export const systemError = ({ reason, ...fields }: SystemFields): PlatformError.PlatformError =>
  PlatformError.systemError({ _tag: reason, ...fields })

/** Whether an operation failed because a file or directory does not exist. */
export const isNotFound = (error: { readonly _tag: string }): boolean =>
  PlatformError.isPlatformError(error) && error.reason._tag === "NotFound"

/** Why an operation failed, such as "NotFound", "PermissionDenied" or "BadArgument". */
export const reasonOf = (error: PlatformError.PlatformError): string => error.reason._tag

/** Moves the cursor of a file to `offset` bytes from its start. */
export const seekTo = (file: FileSystem.File, offset: number): Effect.Effect<void, PlatformError.PlatformError> =>
  file.seek(BigInt(offset), "start")
