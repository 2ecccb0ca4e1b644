/** Checks the headers of a request before they are written. */
import { checkField, countFields, getField, type OptionFault, type Pairs } from "../http/headerFields.js"
import { canonicalHost } from "../http/host.js"

const singleHeaders = ["host", "content-length", "authorization", "content-type", "user-agent"] as const

/** Why headers cannot be sent; `undefined` if they can. */
export const checkPairs = (pairs: Pairs, method: string): OptionFault | undefined => {
  for (const [name, value] of pairs) {
    const wrong = checkField(name, value)
    if (wrong !== undefined) return { option: "headers", description: wrong }
  }
  for (const name of singleHeaders) {
    if (countFields(pairs, name) > 1) return { option: name, description: "expected the header only once" }
  }
  if (getField(pairs, "transfer-encoding") !== undefined) {
    return {
      option: "transfer-encoding",
      description: "expected no such header, because the client sets it; use chunked: true"
    }
  }
  const host = getField(pairs, "host")
  if (host !== undefined && !isHostField(host)) {
    return { option: "host", description: "expected a host name or an IP address, optionally with a port" }
  }
  return method === "TRACE" && getField(pairs, "content-length") !== undefined
    ? { option: "content-length", description: "expected no such header with the method TRACE" }
    : undefined
}

/** Whether a value of Host is valid (RFC 9112 section 3.2): a host in ASCII with an optional port, or nothing. */
const isHostField = (value: string): boolean => {
  const parts = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)?(?::(\d{1,5}))?$/.exec(value)
  if (parts === null) return false
  const [, host, port] = parts
  return (
    (host === undefined || typeof canonicalHost(host) !== "string") && (port === undefined || Number(port) <= 65535)
  )
}
