/** Parses Digest challenges (RFC 7616 section 3.3) and selects the strongest. */
import { type Challenge, parseChallenges } from "../../http/challenge.js"

/** Hash names of Node's crypto module. */
export type Hash = "md5" | "sha1" | "sha256" | "sha512-256" | "sha512"

export interface DigestChallenge {
  readonly realm: string
  readonly nonce: string
  readonly opaque: string | undefined
  /** As written in the challenge. */
  readonly algorithm: string | undefined
  readonly hash: Hash
  readonly session: boolean
  /** Empty if absent, which means RFC 2069. */
  readonly qop: ReadonlySet<"auth" | "auth-int">
  readonly userhash: boolean
  readonly utf8: boolean
  readonly stale: boolean
  /** URIs as written, absolute or relative. */
  readonly domain: ReadonlyArray<string>
}

/** The algorithms of RFC 7616, and the names that servers use for SHA-1 and SHA-512. */
const hashes: ReadonlyMap<string, Hash> = new Map([
  ["md5", "md5"],
  ["sha", "sha1"],
  ["sha-1", "sha1"],
  ["sha256", "sha256"],
  ["sha-256", "sha256"],
  ["sha-512-256", "sha512-256"],
  ["sha512", "sha512"],
  ["sha-512", "sha512"]
])

const strength: { readonly [H in Hash]: number } = { md5: 0, sha1: 1, sha256: 2, "sha512-256": 3, sha512: 4 }

const words = (text: string): ReadonlyArray<string> => text.split(/[\s,]+/).filter((word) => word !== "")

const isQop = (word: string): word is "auth" | "auth-int" => word === "auth" || word === "auth-int"

const isTrue = (text: string | undefined): boolean => text?.toLowerCase() === "true"

/** Converts a challenge. `undefined` for another scheme than Digest, or for options that are not supported. */
const toDigest = (challenge: Challenge): DigestChallenge | undefined => {
  const { params, scheme } = challenge
  const realm = params.get("realm")
  const nonce = params.get("nonce")
  if (scheme !== "digest" || realm === undefined || nonce === undefined || nonce === "") return undefined
  const algorithm = params.get("algorithm")
  const lower = algorithm?.toLowerCase() ?? "md5"
  const session = lower.endsWith("-sess")
  const hash = hashes.get(session ? lower.slice(0, -5) : lower)
  if (hash === undefined) return undefined
  const offered = params.get("qop")
  const qop = new Set(words(offered?.toLowerCase() ?? "").filter(isQop))
  if (offered !== undefined && words(offered).length > 0 && qop.size === 0) return undefined
  return {
    realm,
    nonce,
    opaque: params.get("opaque"),
    algorithm,
    hash,
    session,
    qop,
    userhash: isTrue(params.get("userhash")),
    utf8: params.get("charset")?.toLowerCase() === "utf-8",
    stale: isTrue(params.get("stale")),
    domain: words(params.get("domain") ?? "")
  }
}

/** The supported challenge with the strongest hash; the first one of several. */
export const strongest = (fields: ReadonlyArray<string>): DigestChallenge | undefined => {
  let best: DigestChallenge | undefined
  for (const challenge of parseChallenges(fields)) {
    const digest = toDigest(challenge)
    if (digest !== undefined && (best === undefined || strength[digest.hash] > strength[best.hash])) best = digest
  }
  return best
}

const nextNonce = /(?:^|[,\s])nextnonce\s*=\s*"((?:[^"\\]|\\.)*)"/i

/** The next nonce from an Authentication-Info header (RFC 7616 section 3.5). */
export const nextNonceOf = (field: string): string | undefined => {
  const nonce = nextNonce.exec(field)?.[1]
  return nonce === undefined || nonce === "" ? undefined : nonce.replace(/\\(.)/g, "$1")
}
