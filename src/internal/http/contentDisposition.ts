/** Parses Content-Disposition (RFC 6266, RFC 8187), and tolerates common deviations of servers. */
import * as Library from "content-disposition"
import * as Option from "effect/Option"
import type { ContentDisposition } from "../../ClientResponse.js"
import { isToken } from "./headerFields.js"

/** Most segments of one filename. Later ones are ignored. */
const maxSegments = 100

const fromPercent = (text: string): Buffer =>
  Buffer.from(
    text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1"
  )

const decodeAs = (bytes: Uint8Array, label: string): string | undefined => {
  try {
    return new TextDecoder(label === "" ? "utf-8" : label, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * Joins a filename in segments: `filename*0=`, `filename*1*=` and so on, as written by mail programs (RFC 2231 section
 * 3). A missing segment ends the filename.
 */
const joinSegments = (parameters: { readonly [name: string]: string }): string | undefined => {
  const pieces: Array<Buffer> = []
  let charset = "utf-8"
  for (let index = 0; index < maxSegments; index++) {
    const extended = parameters[`filename*${index}*`]
    const text = extended ?? parameters[`filename*${index}`]
    if (text === undefined) break
    if (extended === undefined) {
      pieces.push(Buffer.from(text, "utf8"))
      continue
    }
    const [label, , ...rest] = index === 0 ? extended.split("'") : ["", "", extended]
    if (index === 0) charset = label ?? ""
    pieces.push(fromPercent(rest.join("'")))
  }
  return pieces.length === 0 ? undefined : decodeAs(Buffer.concat(pieces), charset)
}

/** A filename whose closing quotation mark is missing. Browsers accept it, too. */
const unterminated = (value: string): string | undefined =>
  /;[ \t]*filename[ \t]*=[ \t]*"([^"]*)$/i.exec(value)?.[1]?.replace(/\\(.)/g, "$1")

export const parse = (value: string | undefined): Option.Option<ContentDisposition> => {
  if (value === undefined) return Option.none()
  const parsed = Library.parse(value)
  if (!isToken(parsed.type)) return Option.none()
  const parameters: { [name: string]: string } = Object.create(null)
  for (const [name, text] of Object.entries(parsed.parameters)) if (name !== "") parameters[name] = text
  const filename = parameters.filename ?? joinSegments(parameters) ?? unterminated(value)
  return Option.some({ type: parsed.type, filename: Option.fromNullable(filename), parameters })
}
