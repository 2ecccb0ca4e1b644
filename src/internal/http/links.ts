/** Parses Link headers (RFC 8288 appendix B.2). */
import { decodeExtended } from "content-disposition"
import * as Option from "effect/Option"
import type { Link } from "../../ClientResponse.js"
import { conceal } from "../inspection.js"
import { redactUrl } from "../redact.js"
import { hostIn } from "./target.js"
import { parseUrl } from "./whatwg.js"

/** Most links of one response. Bounds the memory, as each resolved link can be as long as the base URL. */
const maxLinks = 1000

const skip = (text: string, from: number): number => {
  let at = from
  while (text[at] === " " || text[at] === "\t") at++
  return at
}

const token = /[^\s=;,"<>]+/y
const quoted = /"((?:[^"\\]|\\.)*)"?/y

const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** Returns the position of the comma that ends this link. */
const skipLink = (text: string, from: number): number => {
  let at = from
  while (at < text.length && text[at] !== ",") {
    const string = text[at] === '"' ? matchAt(quoted, text, at) : null
    at += string === null ? 1 : string[0].length
  }
  return at
}

/**
 * Resolves the target of a link. Like for a Location, rejects IPv4 addresses in unusual notations, which WHATWG
 * accepts.
 */
const resolve = (target: string, base: string): string | undefined => {
  const url = parseUrl(target, base)
  if (url === undefined) return undefined
  const { hostname, href, origin } = url
  const isDisguised = /^[\d.]+$/.test(hostname) && hostIn(target) !== hostname && origin !== parseUrl(base)?.origin
  return isDisguised ? undefined : href
}

interface Parameters {
  readonly params: { [name: string]: string }
  readonly end: number
}

/** The parameters of a link. Of repeated names, the first counts; an extended value (`name*`) wins over a plain one. */
const parametersOf = (text: string, from: number): Parameters => {
  const params: { [name: string]: string } = Object.create(null)
  const extended: { [name: string]: string } = Object.create(null)
  let at = from
  for (;;) {
    at = skip(text, at)
    if (text[at] !== ";") break
    at = skip(text, at + 1)
    const name = matchAt(token, text, at)
    if (name === null) continue
    at = skip(text, at + name[0].length)
    let value = ""
    if (text[at] === "=") {
      at = skip(text, at + 1)
      const string = matchAt(quoted, text, at)
      const plain = string === null ? matchAt(token, text, at) : null
      at += (string ?? plain)?.[0].length ?? 0
      value = string === null ? (plain?.[0] ?? "") : (string[1] ?? "").replace(/\\(.)/g, "$1")
    }
    const key = name[0].toLowerCase()
    if (key.endsWith("*")) {
      const decoded = decodeExtended(value)
      const plain = key.slice(0, -1)
      if (decoded !== undefined && !Object.hasOwn(extended, plain)) extended[plain] = decoded
    } else if (!Object.hasOwn(params, key)) params[key] = value
  }
  for (const key of Object.keys(extended)) params[key] = extended[key] ?? ""
  return { params, end: skipLink(text, at) }
}

/** The links of a response by relation type. Of several links of one type, the first counts. */
export const parse = (values: ReadonlyArray<string>, base: string): ReadonlyMap<string, Link> => {
  const out = new Map<string, Link>()
  let left = maxLinks
  for (const text of values) {
    let at = 0
    // After the last ">" no further target can end, so no link can follow.
    const last = text.lastIndexOf(">")
    while (at < last && left > 0) {
      at = skip(text, at)
      const close = text[at] === "<" ? text.indexOf(">", at) : -1
      if (close === -1) {
        at = skipLink(text, at) + 1
        continue
      }
      left--
      const url = resolve(text.slice(at + 1, close).trim(), base)
      const { end, params } = parametersOf(text, close + 1)
      at = end + 1
      if (url === undefined) continue
      const rel = Option.fromNullable(params.rel)
      const link: Link = conceal({ url, rel, params }, () => ({ url: redactUrl(url), rel, params }))
      const types = (params.rel ?? "").split(/\s+/).filter((type) => type !== "")
      for (const type of types.length === 0 ? [url] : types.map((type) => type.toLowerCase())) {
        if (!out.has(type)) out.set(type, link)
      }
    }
  }
  return out
}
