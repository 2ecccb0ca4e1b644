/** Reads errors of schemas. */
import * as ParseResult from "effect/ParseResult"

/** The path to the first invalid member. */
export const invalidPath = (error: ParseResult.ParseError): ReadonlyArray<PropertyKey> =>
  ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.path ?? []
