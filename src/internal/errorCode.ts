/** Reads the code of a Node error, such as "ECONNRESET". Returns `undefined` if there is no code or it is not a string. */
export const errorCode = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined
