/** The opening handshake (RFC 6455 section 4.1): makes the headers of the request and validates the response. */
import { createHash, randomBytes } from "node:crypto"
import * as Option from "effect/Option"
import type { ResponseHead } from "../../ClientResponse.js"
import type { Compression } from "../../WebSocket.js"
import { Deflate } from "./deflate.js"
import { type Extensions, extension, PerMessageDeflate } from "./ws.js"

/** The GUID of RFC 6455 section 1.3. */
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/** A random Sec-WebSocket-Key. */
export const makeKey = (): string => randomBytes(16).toString("base64")

/** The expected Sec-WebSocket-Accept. */
export const acceptOf = (key: string): string =>
  createHash("sha1")
    .update(key + guid)
    .digest("base64")

/** Converts a size limit to that of ws, which has 32 bits; 0 means unlimited. */
export const payloadLimit = (bytes: number): number => (bytes > 0x7fffffff ? 0 : bytes)

const maxWindowBits = 15

/** The offer of permessage-deflate, which requests the window size for both directions. */
export const makeDeflate = (compression: Compression, maxMessageSize: number): PerMessageDeflate => {
  const bits = compression.windowBits ?? maxWindowBits
  const noTakeover = compression.noContextTakeover === true ? true : undefined
  return new Deflate({
    isServer: false,
    maxPayload: payloadLimit(maxMessageSize),
    clientMaxWindowBits: bits === maxWindowBits ? true : bits,
    serverMaxWindowBits: bits === maxWindowBits ? undefined : bits,
    clientNoContextTakeover: noTakeover,
    serverNoContextTakeover: noTakeover
  })
}

/** The value of Sec-WebSocket-Extensions. */
export const offerOf = (deflate: PerMessageDeflate): string =>
  extension.format({ [PerMessageDeflate.extensionName]: deflate.offer() })

/** The offer of the client, against which the response is validated. */
export interface Offer {
  readonly key: string
  readonly protocols: ReadonlyArray<string>
  readonly deflate: PerMessageDeflate | undefined
  readonly windowBits: number
}

/** The parts of the offer that the server accepted. */
export interface Grant {
  readonly protocol: Option.Option<string>
  readonly extensions: Extensions
}

const tokens = (values: ReadonlyArray<string>): ReadonlyArray<string> =>
  values.flatMap((value) => value.split(",")).map((token) => token.trim().toLowerCase())

const none: Extensions = Object.freeze(Object.create(null))

/** Validates a 101 response. Returns its grant, or a description of the problem. */
export const grantOf = (head: ResponseHead, offer: Offer): Grant | string => {
  const upgrade = tokens(head.headerValues("upgrade"))
  if (upgrade.length !== 1 || upgrade[0] !== "websocket") return 'expected the Upgrade header "websocket"'
  if (!tokens(head.headerValues("connection")).includes("upgrade"))
    return 'expected the Connection header to contain "upgrade"'
  const accept = head.headerValues("sec-websocket-accept")
  if (accept.length !== 1 || accept[0] !== acceptOf(offer.key)) {
    return "Sec-WebSocket-Accept does not match the key of the request"
  }
  const protocol = protocolOf(head.headerValues("sec-websocket-protocol"), offer.protocols)
  if (typeof protocol === "string") return protocol
  const extensions = extensionsOf(head.headerValues("sec-websocket-extensions"), offer)
  return typeof extensions === "string" ? extensions : { protocol, extensions }
}

/** The protocol that the server chose. It may choose none, for compatibility with older clients. */
const protocolOf = (values: ReadonlyArray<string>, offered: ReadonlyArray<string>): Option.Option<string> | string => {
  const chosen = values[0]
  if (chosen === undefined) return Option.none()
  return values.length === 1 && offered.includes(chosen)
    ? Option.some(chosen)
    : "Sec-WebSocket-Protocol was not offered by the request"
}

const extensionsOf = (values: ReadonlyArray<string>, offer: Offer): Extensions | string => {
  if (values.length === 0) return none
  const { deflate } = offer
  const refused = "Sec-WebSocket-Extensions does not match the offer of the request"
  if (deflate === undefined) return refused
  try {
    const parsed = extension.parse(values.join(", "))
    const replies = parsed[PerMessageDeflate.extensionName]
    const reply = replies?.[0]
    if (reply === undefined || replies?.length !== 1 || Object.keys(parsed).length !== 1) return refused
    const client = windowBits(reply.client_max_window_bits)
    const server = windowBits(reply.server_max_window_bits)
    // zlib does not support raw deflate with a window of 8 bits.
    if (client !== undefined && !(client >= 9 && client <= offer.windowBits)) return refused
    if (server !== undefined && !(server >= 8 && server <= offer.windowBits)) return refused
    deflate.accept([reply])
    return { [PerMessageDeflate.extensionName]: deflate }
  } catch {
    return refused
  }
}

const windowBits = (value: unknown): number | undefined => {
  if (value === undefined) return undefined
  const text: unknown = Array.isArray(value) && value.length === 1 ? value[0] : undefined
  return typeof text === "string" && /^[1-9]\d?$/.test(text) ? Number(text) : Number.NaN
}
