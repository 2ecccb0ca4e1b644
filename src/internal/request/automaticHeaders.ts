/**
 * Headers that are sent without being asked for.
 */
import { hasZstd } from "../http/contentCoding.js"

/** What this Node can decode. */
export const acceptEncoding = hasZstd ? "gzip, deflate, br, zstd" : "gzip, deflate, br"

const version = "0.1.0"

export const userAgent = `effect-http-session/${version} Node.js/${process.versions.node}`

const acceptLine = "Accept: */*\r\n"
const acceptEncodingLine = `Accept-Encoding: ${acceptEncoding}\r\n`
const userAgentLine = `User-Agent: ${userAgent}\r\n`

/** The lines before those of the body. `present` has the lower-case names that are given or to be left out. */
export const linesBefore = (present: ReadonlySet<string>): string =>
  (present.has("accept") ? "" : acceptLine) + (present.has("accept-encoding") ? "" : acceptEncodingLine)

/** The lines after those of the body. */
export const linesAfter = (present: ReadonlySet<string>): string => (present.has("user-agent") ? "" : userAgentLine)
