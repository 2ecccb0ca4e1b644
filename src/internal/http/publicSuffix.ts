/**
 * Names under which the public registers names, by the Public Suffix List.
 */
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
 * Whether a domain has no single owner: "com", "co.uk", "github.io", and each single label that the list does not know.
 * A final dot makes no difference.
 */
export const isPublicSuffix = (domain: string): boolean => {
  const name = withoutDots(domain)
  return !name.includes(".") || getPublicSuffix(name, options) === name
}

/**
 * Whether a registry hands out the names below a domain: "com" and "co.uk", and each single label. The owner of
 * "github.io" has all names below it, whoever uses them.
 */
export const isRegistrySuffix = (domain: string): boolean => {
  const name = withoutDots(domain)
  return !name.includes(".") || getPublicSuffix(name, icannOnly) === name
}
