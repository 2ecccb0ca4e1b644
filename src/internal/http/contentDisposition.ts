/** Parses Content-Disposition (RFC 6266, RFC 8187), tolerating what servers send in practice. */
import * as Library from "content-disposition"
import * as Option from "effect/Option"
import type { ContentDisposition } from "../../ClientResponse.js"
import { isToken } from "./headerFields.js"

export const parse = (value: string | undefined): Option.Option<ContentDisposition> => {
  if (value === undefined) return Option.none()
  const parsed = Library.parse(value)
  if (!isToken(parsed.type)) return Option.none()
  const parameters: { [name: string]: string } = Object.create(null)
  for (const [name, text] of Object.entries(parsed.parameters)) if (name !== "") parameters[name] = text
  return Option.some({ type: parsed.type, filename: Option.fromNullable(parameters.filename), parameters })
}
