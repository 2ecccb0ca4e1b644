/**
 * The code of an error of Node's, such as ECONNRESET.
 */

/** `undefined` where there is none, or it is not a string. */
export const errorCode = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined
