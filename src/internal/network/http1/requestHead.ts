/**
 * Formats the head of a request.
 */
import { hostFieldOf } from "../../http/origin.js"
import type { Exchange } from "../../transport/transport.js"

/** The text of a head. For a forwarding proxy, its target is in absolute form (RFC 9112, section 3.2.2). */
export const requestHead = (exchange: Exchange, forward: boolean): string => {
  const request = exchange.wireRequest
  const origin = exchange.route.origin
  if (!forward) {
    request.text ??= `${request.method} ${request.target} HTTP/${request.version}\r\n${request.head}\r\n`
    return request.text
  }
  const authorization = exchange.route.proxy?.authorization
  const credentials = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`
  const target = request.target === "*" ? "" : request.target
  return `${request.method} ${origin.scheme}://${hostFieldOf(origin)}${target} HTTP/${request.version}\r\n${request.head}${credentials}\r\n`
}
