/** Reads errors of schemas. */
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

const formatter = SchemaIssue.makeFormatterStandardSchemaV1()

/** The path to the first invalid member. */
export const invalidPath = (error: Schema.SchemaError): ReadonlyArray<PropertyKey> =>
  (formatter(error.issue).issues[0]?.path ?? []).map((segment) => (typeof segment === "object" ? segment.key : segment))
