/**
 * A cache of TLS sessions for resumption. A resumed handshake does not verify a certificate. Therefore only sessions of
 * accepted peers are stored, and the key contains all settings by which the peer was verified.
 */
import * as DateTime from "effect/DateTime"
import type { Certificate } from "../../../Ssl.js"

export interface CachedSession {
  readonly session: Buffer
  /** The certificate of the full handshake. */
  readonly certificate: Certificate | undefined
  /**
   * Whether the session is for one use, like tickets of TLS 1.3 (RFC 8446, appendix C.4). The last one of a key is used
   * again, because many servers do not send another ticket after a resumption.
   */
  readonly once: boolean
}

export interface SessionCache {
  /** Takes the newest session of a key whose certificate is valid at `now`, in milliseconds since the epoch. */
  readonly take: (key: string, now: number) => CachedSession | undefined
  readonly put: (key: string, session: CachedSession) => void
  /** Removes the sessions of a key, after a failed handshake. */
  readonly remove: (key: string) => void
  readonly clear: () => void
  readonly size: () => number
}

/** Most sessions per key. Servers usually send two tickets; more are useful only for parallel connections. */
const perKey = 4

/** Bytes of the largest session that is stored, because peers choose the size of their tickets. */
const maxBytes = 16 * 1024

/** Makes a cache for at most `capacity` keys, which evicts the least recently used ones. */
export const makeSessionCache = (capacity = 100): SessionCache => {
  const sessions = new Map<string, Array<CachedSession>>()

  const touch = (key: string, list: Array<CachedSession>) => {
    sessions.delete(key)
    if (list.length === 0) return
    sessions.set(key, list)
    if (sessions.size <= capacity) return
    for (const oldest of sessions.keys()) {
      sessions.delete(oldest)
      return
    }
  }

  return {
    take: (key, now) => {
      const list = sessions.get(key)
      if (list === undefined) return undefined
      const valid = list.filter(
        ({ certificate }) => certificate === undefined || DateTime.toEpochMillis(certificate.validTo) > now
      )
      const newest = valid.at(-1)
      if (newest?.once === true && valid.length > 1) valid.pop()
      touch(key, valid)
      return newest
    },
    put: (key, session) => {
      if (session.session.length > maxBytes) return
      const list = sessions.get(key) ?? []
      list.push(session)
      if (list.length > perKey) list.shift()
      touch(key, list)
    },
    remove: (key) => {
      sessions.delete(key)
    },
    clear: () => sessions.clear(),
    size: () => sessions.size
  }
}
