/**
 * Formats the head of a request.
 */
import { hostFieldOf } from "../../http/origin.js"
import type { Exchange } from "../../transport/transport.js"

/** The text of a head. For a forwarding proxy, its target is in absolute form (RFC 9112, section 3.2.2). */
export const requestHead = (exchange: Exchange, forward: boolean): string => {
  const wire = exchange.wireRequest
  const origin = exchange.route.origin
  if (!forward) {
    wire.text ??= `${wire.method} ${wire.target} HTTP/${wire.version}\r\n${wire.head}\r\n`
    return wire.text
  }
  const authorization = exchange.route.proxy?.authorization
  const credentials = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`
  const target = wire.target === "*" ? "" : wire.target
  return `${wire.method} ${origin.scheme}://${hostFieldOf(origin)}${target} HTTP/${wire.version}\r\n${wire.head}${credentials}\r\n`
}
