/** The time limits of one request, in milliseconds. */
import * as Duration from "effect/Duration"
import type { Input, Name, Timeouts } from "../Timeouts.js"
import { defaults } from "../Timeouts.js"
import { isMisread, toMillis } from "./durations.js"
import { ownOptions } from "./ownOptions.js"

/** Limits in milliseconds; `Infinity` means off. */
export type Limits = { readonly [K in Name]: number } & {
  /** The idle limit of a streamed body, which replaces the default `total`; `undefined` if `total` was set. */
  readonly streamed: number | undefined
}

/** The limit of a phase that `total` bounds by default. Applies when `total` is off. */
const fallback = 5 * 60_000

const isTimeouts = (input: Input): input is Timeouts =>
  typeof input === "object" && input !== null && !Array.isArray(input) && !Duration.isDuration(input)

const none: Timeouts = Object.create(null)

/** Converts the option `timeout` to a record. A single duration is `total`. */
export const toTimeouts = (input: Input | undefined): Timeouts =>
  input === undefined ? none : isTimeouts(input) ? ownOptions(input) : ownOptions({ __proto__: null, total: input })

/** Merges time limits one by one; those of `over` win. */
export const merge = (base: Timeouts, over: Timeouts): Timeouts => ({
  total: over.total ?? base.total,
  connect: over.connect ?? base.connect,
  poolWait: over.poolWait ?? base.poolWait,
  dns: over.dns ?? base.dns,
  socketConnect: over.socketConnect ?? base.socketConnect,
  proxy: over.proxy ?? base.proxy,
  tls: over.tls ?? base.tls,
  send: over.send ?? base.send,
  headers: over.headers ?? base.headers,
  body: over.body ?? base.body
})

const millis = (input: Duration.DurationInput | undefined, otherwise: number): number => {
  if (input === undefined) return otherwise
  if (isMisread(input)) throw new Error("expected a number of milliseconds from 0 on")
  return toMillis(input)
}

const defaultOf = (name: Name): number => Duration.toMillis(defaults[name])

/** Decodes limits and applies the defaults. Throws if one of them is not a duration. */
export const resolve = (timeouts: Timeouts): Limits => {
  const total = millis(timeouts.total, defaultOf("total"))
  const covered = (name: "connect" | "send" | "headers" | "body"): number =>
    millis(timeouts[name], total === Infinity ? fallback : defaultOf(name))
  return {
    total,
    connect: covered("connect"),
    poolWait: millis(timeouts.poolWait, defaultOf("poolWait")),
    dns: millis(timeouts.dns, defaultOf("dns")),
    socketConnect: millis(timeouts.socketConnect, defaultOf("socketConnect")),
    proxy: millis(timeouts.proxy, defaultOf("proxy")),
    tls: millis(timeouts.tls, defaultOf("tls")),
    send: covered("send"),
    headers: covered("headers"),
    body: covered("body"),
    streamed: timeouts.total === undefined ? millis(timeouts.body, fallback) : undefined
  }
}

/** Like `resolve`, but returns `undefined` if one of the limits is not a duration. */
export const tryResolve = (timeouts: Timeouts): Limits | undefined => {
  try {
    return resolve(timeouts)
  } catch {
    return undefined
  }
}

/** The description of the error for a `timeout` that `tryResolve` rejects. */
export const notTimeout = "expected a duration, or durations by the names of limits"
