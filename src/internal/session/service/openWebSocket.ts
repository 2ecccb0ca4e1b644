/** Opens WebSockets. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { UrlInput } from "../../../ClientRequest.js"
import { type ClientError, WSServerHandshakeError } from "../../../Errors.js"
import type { Compression, WebSocket, WebSocketOptions } from "../../../WebSocket.js"
import { isToken, type OptionFault, type Pair } from "../../http/headerFields.js"
import { ownOptions } from "../../ownOptions.js"
import type { PrepareError } from "../../request/prepare.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { type Settings, WebSocketConnection } from "../../webSocket/connection.js"
import { type Grant, grantOf, makeDeflate, makeKey, type Offer, offerOf } from "../../webSocket/handshake.js"
import { WebSocketImpl } from "../../webSocket/webSocket.js"
import type { RequestContext } from "../requestEffect.js"
import { type Protocol, switchProtocol } from "./switchProtocol.js"
import { type Handshake, handshakeRequest, millisOf, notDuration, withHandshake } from "./upgradeHandshake.js"

/** The validated options. */
interface Plan {
  readonly settings: Settings
  /** In milliseconds. */
  readonly receiveTimeout: number
  readonly compression: Compression | undefined
  readonly protocols: ReadonlyArray<string>
}

const defaultMaxMessageSize = 4 * 1024 * 1024

const planOf = (options: WebSocketOptions): Plan | OptionFault => {
  const { autoClose = true, autoPing = true, compress, maxMessageSize = defaultMaxMessageSize } = options
  if (!(maxMessageSize >= 1)) {
    return { option: "maxMessageSize", description: "expected a number from 1 on; use Infinity for no limit" }
  }
  const heartbeat = millisOf(options.heartbeat, Infinity)
  if (heartbeat === undefined || heartbeat <= 0) return notDuration("heartbeat", "duration above 0")
  const receiveTimeout = millisOf(options.receiveTimeout, Infinity)
  if (receiveTimeout === undefined) return notDuration("receiveTimeout", "duration from 0 on")
  const closeTimeout = millisOf(options.closeTimeout, 10_000)
  if (closeTimeout === undefined || closeTimeout === Infinity)
    return notDuration("closeTimeout", "finite duration from 0 on")
  const compression = compress === true ? {} : compress === false ? undefined : compress
  const bits = compression?.windowBits ?? 15
  if (!(Number.isInteger(bits) && bits >= 9 && bits <= 15)) {
    return { option: "compress", description: `expected windowBits from 9 to 15, got ${bits}` }
  }
  const protocols = [...(options.protocols ?? [])]
  if (!protocols.every(isToken) || new Set(protocols).size !== protocols.length) {
    return { option: "protocols", description: "expected distinct tokens" }
  }
  const settings = { maxMessageSize, heartbeat, autoPing, autoClose, closeTimeout }
  return { settings, receiveTimeout, compression, protocols }
}

/** Headers that the caller cannot set, because the response is validated against them. */
const handshakeHeaders: ReadonlySet<string> = new Set([
  "connection",
  "upgrade",
  "sec-websocket-key",
  "sec-websocket-extensions"
])

const offeredIn = (request: PreparedRequest): ReadonlyArray<string> =>
  request.headers
    .filter(([name]) => name.toLowerCase() === "sec-websocket-protocol")
    .flatMap(([, value]) => value.split(","))
    .map((protocol) => protocol.trim())

/** Adds the headers of the handshake. Returns the request and the offer against which the response is validated. */
const addHandshake = (
  request: PreparedRequest,
  plan: Plan,
  origin: string | undefined
): readonly [PreparedRequest, Offer] => {
  const key = makeKey()
  const { compression, settings } = plan
  const deflate = compression === undefined ? undefined : makeDeflate(compression, settings.maxMessageSize)
  const pairs: Array<Pair> = [
    ["Connection", "Upgrade"],
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Key", key]
  ]
  if (request.header("sec-websocket-version")._tag === "None") pairs.push(["Sec-WebSocket-Version", "13"])
  if (deflate !== undefined) pairs.push(["Sec-WebSocket-Extensions", offerOf(deflate)])
  if (plan.protocols.length > 0) pairs.push(["Sec-WebSocket-Protocol", plan.protocols.join(", ")])
  if (origin !== undefined) pairs.push(["Origin", origin])
  const next = request.derive({
    target: request.target.asWebSocket,
    fields: withHandshake(request, handshakeHeaders, pairs)
  })
  return [next, { key, protocols: offeredIn(next), deflate, windowBits: compression?.windowBits ?? 15 }]
}

const handshake: Handshake = { subject: "WebSockets", method: "GET", body: {} }

interface PreparedHandshake {
  readonly request: PreparedRequest
  readonly offer: Offer
  readonly plan: Plan
}

const prepareHandshake = (
  session: RequestContext,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  url: UrlInput,
  options: WebSocketOptions
): PreparedHandshake | PrepareError => {
  const opening = handshakeRequest(session, fiber, url, options, handshake, planOf)
  if (!("plan" in opening)) return opening
  const { plan } = opening
  const [request, offer] = addHandshake(opening.request, plan, options.origin)
  return { request, offer, plan }
}

const protocolFor = ({ offer, plan }: PreparedHandshake): Protocol<Grant, WebSocket> => ({
  grantOf: (head) => grantOf(head, offer),
  errorOf: (call, { headers, reason, status }, { body = "", description }) =>
    new WSServerHandshakeError({ ...call.details("headers"), status, reason, description, headers, body }),
  make: (call, response, { stream }, { extensions, protocol }) => {
    const { deadlines } = call
    const connection = new WebSocketConnection(stream, extensions, deadlines, plan.settings)
    const socket = new WebSocketImpl({
      connection,
      response: response.toHead(),
      protocol,
      details: call.details(undefined),
      deadlines,
      receiveTimeout: plan.receiveTimeout
    })
    return [connection, socket]
  },
  close: (socket) => socket.close()
})

/** An effect that opens a WebSocket, which lives in the Scope. */
export const openWebSocket = (
  session: RequestContext,
  url: UrlInput,
  options: WebSocketOptions | undefined
): Effect.Effect<WebSocket, ClientError, Scope.Scope> =>
  Effect.withFiberRuntime<WebSocket, ClientError, Scope.Scope>((fiber) => {
    const opening = prepareHandshake(session, fiber, url, options === undefined ? {} : ownOptions(options))
    return "plan" in opening
      ? switchProtocol(session.core, fiber, opening.request, protocolFor(opening))
      : Effect.fail(opening)
  })
