/** Opens WebSockets on a session. The handshake is an ordinary request that keeps its connection. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { UrlInput } from "../../../ClientRequest.js"
import type { ClientResponse } from "../../../ClientResponse.js"
import { type ClientError, InvalidRequest, WSServerHandshakeError } from "../../../Errors.js"
import type { Compression, WebSocket, WebSocketOptions } from "../../../WebSocket.js"
import { isFault, isToken, type OptionFault, type Pair } from "../../http/headerFields.js"
import { ownOptions } from "../../ownOptions.js"
import { type PrepareError, prepare } from "../../request/prepare.js"
import { PreparedRequest } from "../../request/preparedRequest.js"
import { Response, type Upgrade } from "../../response/response.js"
import { type Settings, WebSocketConnection } from "../../webSocket/connection.js"
import { type Grant, grantOf, makeDeflate, makeKey, type Offer, offerOf } from "../../webSocket/handshake.js"
import { WebSocketImpl } from "../../webSocket/webSocket.js"
import type { Call } from "../call.js"
import type { RequestContext } from "../requestEffect.js"
import { openUpgraded } from "../responseLifetime.js"
import { handshakeOptions, millisOf, notDuration, withHandshake } from "./upgradeHandshake.js"

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
const owned: ReadonlySet<string> = new Set(["connection", "upgrade", "sec-websocket-key", "sec-websocket-extensions"])

const offeredIn = (request: PreparedRequest): ReadonlyArray<string> =>
  request.headers
    .filter(([name]) => name.toLowerCase() === "sec-websocket-protocol")
    .flatMap(([, value]) => value.split(","))
    .map((protocol) => protocol.trim())

/** Adds the headers of the handshake; returns the request and its offer. */
const upgrading = (
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
  const next = request.derive({ target: request.target.asWebSocket, fields: withHandshake(request, owned, pairs) })
  return [next, { key, protocols: offeredIn(next), deflate, windowBits: compression?.windowBits ?? 15 }]
}

interface Opening {
  readonly request: PreparedRequest
  readonly offer: Offer
  readonly plan: Plan
}

const openingOf = (
  opener: RequestContext,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  url: UrlInput,
  options: WebSocketOptions
): Opening | PrepareError => {
  const plan = planOf(options)
  const current = opener.current(fiber.currentContext) ?? {}
  const request = prepare(opener.defaults, "GET", url, handshakeOptions(current, options, url), true)
  if (!(request instanceof PreparedRequest)) return request
  if (isFault(plan)) return new InvalidRequest({ ...request.details, ...plan })
  const { http, version } = opener.defaults
  if (version === "1.0" || http === "2") {
    const description = `expected "1.1", the version of WebSockets, got "${http === "2" ? http : version}"`
    return new InvalidRequest({ ...request.details, option: "version", description })
  }
  const [next, offer] = upgrading(request, plan, options.origin)
  return { request: next, offer, plan }
}

const refusal = (call: Call, response: ClientResponse, description: string, body: string): WSServerHandshakeError =>
  new WSServerHandshakeError({
    ...call.details("headers"),
    status: response.status,
    reason: response.reason,
    description,
    headers: response.headers,
    body
  })

/** Fails for any status but 101, and releases the response. */
const refused = (call: Call, response: ClientResponse): Effect.Effect<never, WSServerHandshakeError> => {
  const description = "the server did not switch protocols"
  return response instanceof Response
    ? Effect.mapError(response.raise, (error) => refusal(call, response, description, error.body))
    : Effect.zipRight(response.release, Effect.fail(refusal(call, response, description, "")))
}

const begin = (call: Call, response: Response, upgrade: Upgrade, grant: Grant, { plan }: Opening): WebSocket => {
  const { deadlines } = call
  const { extensions, protocol } = grant
  const connection = new WebSocketConnection(upgrade.wire, extensions, deadlines, plan.settings)
  const socket = new WebSocketImpl({
    connection,
    response: response.toHead(),
    protocol,
    details: call.details(undefined),
    deadlines,
    receiveTimeout: plan.receiveTimeout
  })
  call.endLimits()
  const { gracefulShutdownTimeout } = call.core.transport
  connection.onClosed(call.onAbort(() => connection.shutdown(gracefulShutdownTimeout)))
  connection.start(upgrade.rest)
  // The session started to close during the handshake.
  if (call.core.closed) connection.shutdown(gracefulShutdownTimeout)
  return socket
}

/** Validates the final response and starts the connection. Runs uninterruptibly. */
const settle = (
  call: Call,
  response: ClientResponse,
  restore: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>,
  opening: Opening
): Effect.Effect<WebSocket, ClientError, Scope.Scope> => {
  const upgrade = response instanceof Response ? response.takeUpgrade() : undefined
  if (upgrade === undefined || !(response instanceof Response)) {
    return Effect.ensuring(restore(refused(call, response)), response.release)
  }
  const grant = grantOf(response, opening.offer)
  if (typeof grant === "string" || call.failure !== undefined) {
    upgrade.wire.socket.destroy()
    return Effect.fail(call.failure ?? refusal(call, response, String(grant), ""))
  }
  return Effect.flatMap(Effect.scope, (scope) => {
    const socket = begin(call, response, upgrade, grant, opening)
    return Effect.as(Scope.addFinalizer(scope, socket.close()), socket)
  })
}

export const openWebSocket = (
  opener: RequestContext,
  url: UrlInput,
  options: WebSocketOptions | undefined
): Effect.Effect<WebSocket, ClientError, Scope.Scope> =>
  Effect.withFiberRuntime<WebSocket, ClientError, Scope.Scope>((fiber) => {
    const opening = openingOf(opener, fiber, url, options === undefined ? {} : ownOptions(options))
    return "request" in opening
      ? openUpgraded(opener.core, fiber, opening.request, (call, response, restore) =>
          settle(call, response, restore, opening)
        )
      : Effect.fail(opening)
  })
