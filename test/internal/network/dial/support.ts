import { readFileSync } from "node:fs"
import * as Net from "node:net"
import { Effect } from "effect"
import type { Origin } from "../../../../src/internal/http/origin.js"
import type { Limits } from "../../../../src/internal/limits.js"
import { resolve } from "../../../../src/internal/limits.js"
import { of } from "../../../../src/internal/transport/deadlines.js"
import type { Facts, Trace } from "../../../../src/internal/transport/trace.js"
import type { Exchange, ProxyRoute, Route } from "../../../../src/internal/transport/transport.js"
import type { Phase } from "../../../../src/Timeouts.js"
import type { Signal } from "../../../../src/Tracing.js"

export {
  besideBlackHole,
  blackHole,
  type Listener,
  listen,
  listenAll,
  openHandles,
  turn
} from "../../../support/listeners.js"

export type SignalFacts = Facts<Signal>

/**
 * The timer that the kernel of Linux runs for a connection between addresses of 127.0.0.1: "00" stands for no timer, "02" for
 * keep-alive, then a colon and the ticks left of 10 milliseconds each.
 */
export const timerOf = ({ localPort, remotePort }: Net.Socket): string | undefined => {
  const end = (port = 0) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const row = readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => local === end(localPort) && remote === end(remotePort))
  return row?.[5]
}

/** A trace that records its signals; `tags` are their tags. */
export const makeTrace = () => {
  const signals: Array<SignalFacts> = []
  const trace: Trace = {
    offer: (facts) => {
      signals.push(facts)
    },
    emit: (facts) => Effect.sync(() => trace.offer(facts))
  }
  return { trace, signals, tags: () => signals.map((facts) => facts._tag) }
}

export interface ExchangeOptions {
  readonly host: string
  readonly port: number
  readonly scheme?: "http" | "https"
  readonly limits?: Partial<Limits>
  readonly trace?: Trace
  readonly proxy?: ProxyRoute
  readonly ssl?: Route["ssl"]
  readonly tunnel?: boolean
}

/** An exchange that is dialled and never sent, and its phases. */
export const makeExchange = (options: ExchangeOptions) =>
  Effect.map(Effect.clock, (clock) => {
    const phases: Array<string> = []
    const { host, port, scheme = "http" } = options
    const ip = Net.isIP(host)
    const authority = `${ip === 6 ? `[${host}]` : host}:${port}`
    const origin: Origin = {
      scheme,
      host,
      port,
      authority,
      ip: ip === 4 || ip === 6 ? ip : 0,
      key: `${scheme}://${authority}`
    }
    let current: Phase = "queue"
    const fail = () => {
      throw new Error("the exchange is not to be used")
    }
    const exchange: Exchange = {
      limits: { ...resolve({}), ...options.limits },
      deadlines: of(clock),
      expiresAt: Infinity,
      clock: () => clock.unsafeCurrentTimeMillis(),
      trace: options.trace,
      marks: {
        get current() {
          return current
        },
        readAt: undefined,
        start: (phase) => {
          current = phase
          phases.push(`+${phase}`)
        },
        end: (phase) => {
          phases.push(`-${phase}`)
        }
      },
      details: (phase) => ({ method: "GET", url: `${scheme}://${authority}/`, host, port, phase, attempt: 1 }),
      wireRequest: {
        method: "GET",
        target: "/",
        head: "",
        version: "1.1",
        body: undefined,
        expectContinue: false,
        upgrade: undefined,
        close: false,
        secret: new Set(),
        text: undefined,
        http2: undefined
      },
      route: {
        origin,
        proxy: options.proxy,
        ssl: options.ssl ?? true,
        serverHostname: undefined,
        tunnel: options.tunnel ?? false,
        version: "any",
        key: origin.key
      },
      onConnection: fail,
      onInformational: fail,
      onHead: fail,
      onUpgrade: fail,
      onError: fail,
      onDone: fail,
      failure: undefined,
      onAbort: undefined
    }
    return { exchange, phases }
  })
