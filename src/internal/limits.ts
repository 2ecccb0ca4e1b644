/**
 * The time limits of one request as numbers.
 */
import * as Duration from "effect/Duration"
import type { Input, Name, Timeouts } from "../Timeouts.js"
import { defaults } from "../Timeouts.js"
import { own } from "./ownOptions.js"

/** Milliseconds; `Infinity` is off. */
export type Limits = { readonly [K in Name]: number } & {
  /** The silence that ends a streamed body in place of the default `total`; `undefined` where `total` is given. */
  readonly streamed: number | undefined
}

/** What bounds a wait that `total` would cover if it were on. */
const fallback = 5 * 60_000

const isTimeouts = (input: Input): input is Timeouts =>
  typeof input === "object" && input !== null && !Array.isArray(input) && !Duration.isDuration(input)

const none: Timeouts = Object.create(null)

/** What is given, by name. */
export const toTimeouts = (input: Input | undefined): Timeouts =>
  input === undefined ? none : isTimeouts(input) ? own(input) : own({ __proto__: null, total: input })

/** A request's limits over the session's, one by one. */
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

const millis = (given: Duration.DurationInput | undefined, otherwise: number): number => {
  if (given === undefined) return otherwise
  // `Duration.decode` makes 0 of them.
  if (typeof given === "number" && !(given >= 0)) throw new Error("timeout: it is not a number from 0 on")
  return Duration.toMillis(Duration.decode(given))
}

const standard = (name: Name): number => Duration.toMillis(defaults[name])

/** Decodes limits and fills in what is not given. */
export const resolve = (given: Timeouts): Limits => {
  const total = millis(given.total, standard("total"))
  const covered = (name: "connect" | "send" | "headers" | "body"): number =>
    millis(given[name], total === Infinity ? fallback : standard(name))
  return {
    total,
    connect: covered("connect"),
    poolWait: millis(given.poolWait, standard("poolWait")),
    dns: millis(given.dns, standard("dns")),
    socketConnect: millis(given.socketConnect, standard("socketConnect")),
    proxy: millis(given.proxy, standard("proxy")),
    tls: millis(given.tls, standard("tls")),
    send: covered("send"),
    headers: covered("headers"),
    body: covered("body"),
    streamed: given.total === undefined ? millis(given.body, fallback) : undefined
  }
}

/** The same, or `undefined` if one of them is not a duration. */
export const tryResolve = (given: Timeouts): Limits | undefined => {
  try {
    return resolve(given)
  } catch {
    return undefined
  }
}

/** The description of a `timeout` that `tryResolve` refuses. */
export const notTimeout = "expected a duration, or durations by the names of limits"
