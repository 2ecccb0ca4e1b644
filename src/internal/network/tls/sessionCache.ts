/**
 * TLS sessions to be resumed. A resumed handshake shows no certificate and verifies nothing, so the key holds all that
 * the first one was verified by, and nothing is kept that was not accepted.
 */
import * as DateTime from "effect/DateTime"
import type { Certificate } from "../../../Ssl.js"

export interface CachedSession {
  readonly session: Buffer
  /** What the first handshake has shown. */
  readonly certificate: Certificate | undefined
  /** RFC 8446 C.4: a TLS 1.3 ticket should be used once. The last one is kept: many servers give no other for it. */
  readonly once: boolean
}

export interface SessionCache {
  /** The newest session of the key whose certificate is still valid. `now` is Unix time in milliseconds. */
  readonly take: (key: string, now: number) => CachedSession | undefined
  readonly put: (key: string, session: CachedSession) => void
  /** Forgets a key's sessions, after a handshake that failed. */
  readonly remove: (key: string) => void
  readonly clear: () => void
  readonly size: () => number
}

/** Servers send two tickets or so; more only serve several connections at a time. */
const perKey = 4

/** The longest session kept, in bytes: a peer decides how long its tickets are. */
const maxBytes = 16 * 1024

/** A cache of one connector, for so many keys; the one used longest ago gives way. */
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
