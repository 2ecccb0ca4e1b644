/** Makes and reads @effect/platform's errors of files and stores, and sets positions in files. */

import * as PlatformError from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Effect from "effect/Effect"

/** The fields of an error of the system. */
export type SystemFields = ConstructorParameters<typeof PlatformError.SystemError>[0]

export const systemError = (fields: SystemFields): PlatformError.PlatformError => new PlatformError.SystemError(fields)

/** Whether an operation failed because a file or directory does not exist. */
export const isNotFound = (error: { readonly _tag: string }): boolean =>
  error._tag === "SystemError" && "reason" in error && error.reason === "NotFound"

/** Why an operation failed, such as "NotFound", "PermissionDenied" or "BadArgument". */
export const reasonOf = (error: PlatformError.PlatformError): string =>
  error._tag === "SystemError" ? error.reason : error._tag

/** Moves the cursor of a file to `offset` bytes from its start. */
export const seekTo = (file: FileSystem.File, offset: number): Effect.Effect<void> => file.seek(offset, "start")

/** A size in bytes as a number. */
export const toNumber = (size: FileSystem.Size): number => Number(size)
