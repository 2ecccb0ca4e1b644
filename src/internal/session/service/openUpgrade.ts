/** Opens connections of other protocols on a session. The handshake is an ordinary request that keeps its connection. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { UrlInput } from "../../../ClientRequest.js"
import type { ClientResponse, ResponseHead } from "../../../ClientResponse.js"
import { type ClientError, InvalidRequest, UpgradeError } from "../../../Errors.js"
import type { Upgraded, UpgradeOptions } from "../../../Upgrade.js"
import { isFault, isToken, type OptionFault } from "../../http/headerFields.js"
import { ownOptions } from "../../ownOptions.js"
import { type PrepareError, prepare } from "../../request/prepare.js"
import { PreparedRequest } from "../../request/preparedRequest.js"
import { Response, type Upgrade } from "../../response/response.js"
import { UpgradedImpl } from "../../webSocket/upgraded.js"
import { UpgradedConnection } from "../../webSocket/upgradedConnection.js"
import type { Call } from "../call.js"
import type { RequestContext } from "../requestEffect.js"
import { openUpgraded } from "../responseLifetime.js"
import { handshakeOptions, millisOf, notDuration, withHandshake } from "./upgradeHandshake.js"

/** The validated options, in milliseconds. */
interface Plan {
  readonly protocols: ReadonlyArray<string>
  readonly receiveTimeout: number
  readonly closeTimeout: number
}

/** Whether text is a protocol: a name, optionally followed by a slash and a version (RFC 9110, section 7.8). */
const isProtocol = (text: unknown): text is string =>
  typeof text === "string" && text.split("/").length <= 2 && text.split("/").every(isToken)

const isOne = (protocol: string | ReadonlyArray<string>): protocol is string => typeof protocol === "string"

const planOf = ({ closeTimeout, data, protocol, receiveTimeout }: UpgradeOptions): Plan | OptionFault => {
  const protocols = isOne(protocol) ? [protocol] : Array.isArray(protocol) ? [...protocol] : []
  if (protocols.length === 0 || !protocols.every(isProtocol)) {
    return { option: "protocol", description: 'expected protocols such as "tcp" or "SPDY/3.1"' }
  }
  if (protocols.some((name) => name.toLowerCase() === "websocket")) {
    return {
      option: "protocol",
      description: "expected a protocol other than websocket; use Session.webSocket for it"
    }
  }
  if (data !== undefined && !(data instanceof Uint8Array)) {
    return { option: "data", description: "expected bytes, because the connection changes its protocol after them" }
  }
  const receive = millisOf(receiveTimeout, Infinity)
  if (receive === undefined) return notDuration("receiveTimeout", "duration from 0 on")
  const close = millisOf(closeTimeout, 10_000)
  if (close === undefined || close === Infinity) return notDuration("closeTimeout", "finite duration from 0 on")
  return { protocols, receiveTimeout: receive, closeTimeout: close }
}

/** Headers that the caller cannot set, because the response is validated against them. */
const owned: ReadonlySet<string> = new Set(["connection", "upgrade"])

interface Opening {
  readonly request: PreparedRequest
  readonly plan: Plan
}

const openingOf = (
  opener: RequestContext,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  url: UrlInput,
  options: UpgradeOptions
): Opening | PrepareError => {
  const plan = planOf(options)
  const current = opener.current(fiber.currentContext) ?? {}
  const { data, json, method = "GET", text } = options
  const given = { ...handshakeOptions(current, options, url), data, json, text }
  const request = prepare(opener.defaults, method, url, given, false)
  if (!(request instanceof PreparedRequest)) return request
  if (isFault(plan)) return new InvalidRequest({ ...request.details, ...plan })
  const { http, version } = opener.defaults
  if (version === "1.0" || http === "2") {
    const description = `expected "1.1", the version of upgrades, got "${http === "2" ? http : version}"`
    return new InvalidRequest({ ...request.details, option: "version", description })
  }
  const fields = withHandshake(request, owned, [
    ["Connection", "Upgrade"],
    ["Upgrade", plan.protocols.join(", ")]
  ])
  return { request: request.derive({ fields }), plan }
}

/** The protocol that a 101 response names, if the request offered it. */
const protocolOf = (head: ResponseHead, { protocols }: Plan): string | undefined => {
  const named = head.headerValues("upgrade").join(",").trim()
  return protocols.find((name) => name.toLowerCase() === named.toLowerCase()) === undefined ? undefined : named
}

const refusal = (
  call: Call,
  response: ClientResponse,
  reason: UpgradeError["reason"],
  description: string,
  body?: string
): UpgradeError =>
  new UpgradeError({
    ...call.details("headers"),
    reason,
    description,
    status: response.status,
    headers: response.headers,
    body
  })

/** Fails for any status but 101, and releases the response. */
const refused = (call: Call, response: ClientResponse): Effect.Effect<never, UpgradeError> => {
  const description = "the server did not switch protocols"
  return response instanceof Response
    ? Effect.mapError(response.raise, (error) => refusal(call, response, "Refused", description, error.body))
    : Effect.zipRight(response.release, Effect.fail(refusal(call, response, "Refused", description)))
}

const begin = (call: Call, response: Response, upgrade: Upgrade, protocol: string, plan: Plan): Upgraded => {
  const { deadlines } = call
  const connection = new UpgradedConnection(upgrade.wire, deadlines, plan.closeTimeout)
  call.endLimits()
  const { gracefulShutdownTimeout } = call.core.transport
  connection.onClosed(call.onAbort(() => connection.shutdown(gracefulShutdownTimeout)))
  connection.start(upgrade.rest)
  // The session started to close during the handshake.
  if (call.core.closed) connection.shutdown(gracefulShutdownTimeout)
  return new UpgradedImpl({
    connection,
    response: response.toHead(),
    protocol,
    details: call.details(undefined),
    deadlines,
    receiveTimeout: plan.receiveTimeout
  })
}

/** Validates the final response and starts the connection. Runs uninterruptibly. */
const settle = (
  call: Call,
  response: ClientResponse,
  restore: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>,
  plan: Plan
): Effect.Effect<Upgraded, ClientError, Scope.Scope> => {
  const upgrade = response instanceof Response ? response.takeUpgrade() : undefined
  if (upgrade === undefined || !(response instanceof Response)) {
    return Effect.ensuring(restore(refused(call, response)), response.release)
  }
  const protocol = protocolOf(response, plan)
  if (protocol === undefined || call.failure !== undefined) {
    upgrade.wire.socket.destroy()
    const offered = plan.protocols.join(", ")
    return Effect.fail(
      call.failure ?? refusal(call, response, "Protocol", `expected an offered protocol (${offered}) in Upgrade`)
    )
  }
  return Effect.flatMap(Effect.scope, (scope) => {
    const upgraded = begin(call, response, upgrade, protocol, plan)
    return Effect.as(Scope.addFinalizer(scope, upgraded.close), upgraded)
  })
}

/** An effect that opens a connection of another protocol, which lives in the Scope. */
export const openUpgrade = (
  opener: RequestContext,
  url: UrlInput,
  options: UpgradeOptions
): Effect.Effect<Upgraded, ClientError, Scope.Scope> =>
  Effect.withFiberRuntime<Upgraded, ClientError, Scope.Scope>((fiber) => {
    const opening = openingOf(opener, fiber, url, ownOptions(options))
    return "request" in opening
      ? openUpgraded(opener.core, fiber, opening.request, (call, response, restore) =>
          settle(call, response, restore, opening.plan)
        )
      : Effect.fail(opening)
  })
