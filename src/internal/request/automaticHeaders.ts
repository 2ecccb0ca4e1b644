/** The headers that the client adds to every request by default: Accept, Accept-Encoding and User-Agent. */
import { hasZstd } from "../http/contentCoding.js"

/** The content codings that this version of Node can decode. */
export const acceptEncoding = hasZstd ? "gzip, deflate, br, zstd" : "gzip, deflate, br"

const version = "0.3.0"

export const userAgent = `effect-http-session/${version} Node.js/${process.versions.node}`

const acceptLine = "Accept: */*\r\n"
const acceptEncodingLine = `Accept-Encoding: ${acceptEncoding}\r\n`
const userAgentLine = `User-Agent: ${userAgent}\r\n`

/**
 * The lines before those that describe the body. `present` has the lower-case names of the headers that the caller sets
 * or skips.
 */
export const linesBefore = (present: ReadonlySet<string>): string =>
  (present.has("accept") ? "" : acceptLine) + (present.has("accept-encoding") ? "" : acceptEncodingLine)

/** The lines after those that describe the body. */
export const linesAfter = (present: ReadonlySet<string>): string => (present.has("user-agent") ? "" : userAgentLine)
