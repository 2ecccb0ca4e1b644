/** Looks up domains in the Public Suffix List: names under which anyone can register a name. */
import { getPublicSuffix } from "tldts"

const options = {
  allowIcannDomains: true,
  allowPrivateDomains: true,
  detectIp: false,
  extractHostname: false,
  mixedInputs: false,
  validateHostname: false
}

const icannOnly = { ...options, allowPrivateDomains: false }

const withoutDots = (domain: string): string => {
  let end = domain.length
  while (end > 0 && domain.charCodeAt(end - 1) === 0x2e) end--
  return end === domain.length ? domain : domain.slice(0, end)
}

/**
 * Whether the names below a domain have different owners: "com", "co.uk", "github.io", and every single label that is
 * not in the list. A final dot is ignored.
 */
export const isPublicSuffix = (domain: string): boolean => {
  const name = withoutDots(domain)
  return !name.includes(".") || getPublicSuffix(name, options) === name
}

/**
 * Whether a registry assigns the names below a domain: "com", "co.uk", and every single label. "github.io" does not
 * count, because its owner assigns them.
 */
export const isRegistrySuffix = (domain: string): boolean => {
  const name = withoutDots(domain)
  return !name.includes(".") || getPublicSuffix(name, icannOnly) === name
}
