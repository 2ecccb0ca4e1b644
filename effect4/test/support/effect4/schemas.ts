/** Functions of ParseResult of Effect 3 that tests use, on Effect 4. */
import { Schema } from "effect"

export const isParseError = Schema.isSchemaError
