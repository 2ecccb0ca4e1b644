/** Headers that every request gets by default: Accept, Accept-Encoding and User-Agent. */
import { hasZstd } from "../http/contentCoding.js"

/** The content codings that this Node can decode. */
export const acceptEncoding = hasZstd ? "gzip, deflate, br, zstd" : "gzip, deflate, br"

const version = "0.3.0"

export const userAgent = `effect-http-session/${version} Node.js/${process.versions.node}`

const acceptLine = "Accept: */*\r\n"
const acceptEncodingLine = `Accept-Encoding: ${acceptEncoding}\r\n`
const userAgentLine = `User-Agent: ${userAgent}\r\n`

/**
 * The lines written before those that describe the body. `present` has the lower-case names of headers that are given
 * or skipped.
 */
export const linesBefore = (present: ReadonlySet<string>): string =>
  (present.has("accept") ? "" : acceptLine) + (present.has("accept-encoding") ? "" : acceptEncodingLine)

/** The lines written after those that describe the body. */
export const linesAfter = (present: ReadonlySet<string>): string => (present.has("user-agent") ? "" : userAgentLine)
