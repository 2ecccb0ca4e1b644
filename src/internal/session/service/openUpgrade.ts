/** Opens connections of other protocols than HTTP and WebSocket. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { UrlInput } from "../../../ClientRequest.js"
import type { ResponseHead } from "../../../ClientResponse.js"
import { type ClientError, UpgradeError } from "../../../Errors.js"
import type { Upgraded, UpgradeOptions } from "../../../Upgrade.js"
import { isToken, type OptionFault } from "../../http/headerFields.js"
import { ownOptions } from "../../ownOptions.js"
import type { PrepareError } from "../../request/prepare.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { UpgradedImpl } from "../../webSocket/upgraded.js"
import { UpgradedConnection } from "../../webSocket/upgradedConnection.js"
import type { RequestContext } from "../requestEffect.js"
import { type Protocol, switchProtocol } from "./switchProtocol.js"
import { type Handshake, handshakeRequest, millisOf, notDuration, withHandshake } from "./upgradeHandshake.js"

/** The validated options. Times are in milliseconds. */
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

const handshakeOf = ({ data, json, method = "GET", text }: UpgradeOptions): Handshake => ({
  subject: "upgrades",
  method,
  body: { data, json, text }
})

/** Headers that the caller cannot set, because the response is validated against them. */
const handshakeHeaders: ReadonlySet<string> = new Set(["connection", "upgrade"])

interface PreparedHandshake {
  readonly request: PreparedRequest
  readonly plan: Plan
}

const prepareHandshake = (
  session: RequestContext,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  url: UrlInput,
  options: UpgradeOptions
): PreparedHandshake | PrepareError => {
  const opening = handshakeRequest(session, fiber, url, options, handshakeOf(options), planOf)
  if (!("plan" in opening)) return opening
  const { plan, request } = opening
  const fields = withHandshake(request, handshakeHeaders, [
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

const protocolFor = (plan: Plan): Protocol<{ readonly protocol: string }, Upgraded> => ({
  grantOf: (head) => {
    const protocol = protocolOf(head, plan)
    return protocol === undefined
      ? `expected an offered protocol (${plan.protocols.join(", ")}) in Upgrade`
      : { protocol }
  },
  errorOf: (call, { headers, status }, refusal) =>
    new UpgradeError({ ...call.details("headers"), ...refusal, status, headers }),
  make: (call, response, { stream }, { protocol }) => {
    const { deadlines } = call
    const connection = new UpgradedConnection(stream, deadlines, plan.closeTimeout)
    const upgraded = new UpgradedImpl({
      connection,
      response: response.toHead(),
      protocol,
      details: call.details(undefined),
      deadlines,
      receiveTimeout: plan.receiveTimeout
    })
    return [connection, upgraded]
  },
  close: (upgraded) => upgraded.close
})

/** An effect that opens a connection of another protocol, which lives in the Scope. */
export const openUpgrade = (
  session: RequestContext,
  url: UrlInput,
  options: UpgradeOptions
): Effect.Effect<Upgraded, ClientError, Scope.Scope> =>
  Effect.withFiberRuntime<Upgraded, ClientError, Scope.Scope>((fiber) => {
    const opening = prepareHandshake(session, fiber, url, ownOptions(options))
    return "plan" in opening
      ? switchProtocol(session.core, fiber, opening.request, protocolFor(opening.plan))
      : Effect.fail(opening)
  })
