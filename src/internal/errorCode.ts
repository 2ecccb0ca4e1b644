/** The code of a Node error, such as ECONNRESET; `undefined` if the error has no code or the code is not a string. */
export const errorCode = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined
