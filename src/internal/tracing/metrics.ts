/** OpenTelemetry metrics of HTTP clients, recorded in effect/Metric without running effects. */
import type { Signal } from "../../Tracing.js"
import { counter, histogram, type Labels, labelsOf, record } from "../effect/metrics.js"
import { errorType, knownMethods } from "./telemetryNames.js"
import type { AttemptEnd, AttemptFacts, ConnectionSink, Observer } from "./traceConfig.js"

const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const duration = histogram("http.client.request.duration", seconds, "Duration of HTTP client requests, in seconds.")

const active = counter("http.client.active_requests", "Number of active HTTP requests.")

const open = counter("http.client.open_connections", "Number of outbound HTTP connections that are active or idle.")

const lifetime = histogram(
  "http.client.connection.duration",
  [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
  "Duration of established outbound HTTP connections, in seconds."
)

const sizes = [0, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864, 268435456]

const requestSize = histogram("http.client.request.body.size", sizes, "Size of HTTP client request bodies, in bytes.")

const responseSize = histogram(
  "http.client.response.body.size",
  sizes,
  "Size of HTTP client response bodies as they are sent, in bytes."
)

const lookups = histogram("dns.lookup.duration", seconds, "Time taken to perform a DNS lookup, in seconds.")

/** Most servers that have their own labels. */
const maxServers = 1000

/** Most cached sets of labels. At the limit, the cache is cleared. */
const maxLabels = 10_000

/** Builds each set of labels once, and limits their number. */
export class LabelCache {
  private readonly servers = new Set<string>()
  private readonly labelSets = new Map<string, Labels>()

  server(host: string, port: number): readonly [host: string, port: number] {
    const key = `${host}:${port}`
    if (!this.servers.has(key)) {
      if (this.servers.size >= maxServers) return ["_OTHER", 0]
      this.servers.add(key)
    }
    return [host, port]
  }

  host(name: string): string {
    return this.server(name, 0)[0]
  }

  of(pairs: ReadonlyArray<readonly [name: string, value: string]>): Labels {
    let key = ""
    for (const [name, value] of pairs) key += `${name}=${value}\n`
    let labels = this.labelSets.get(key)
    if (labels === undefined) {
      labels = labelsOf(pairs)
      if (this.labelSets.size >= maxLabels) this.labelSets.clear()
      this.labelSets.set(key, labels)
    }
    return labels
  }
}

const cache = new LabelCache()

const requestPairs = (facts: AttemptFacts): Array<readonly [name: string, value: string]> => {
  const [host, port] = cache.server(facts.host, facts.port)
  return [
    ["http.request.method", knownMethods.has(facts.method) ? facts.method : "_OTHER"],
    ["server.address", host],
    ["server.port", String(port)],
    ["url.scheme", facts.scheme]
  ]
}

const outcomePairs = (facts: AttemptFacts, end: AttemptEnd) => {
  const pairs = requestPairs(facts)
  if (facts.template !== undefined) pairs.push(["url.template", facts.template])
  if (end.status !== undefined) pairs.push(["http.response.status_code", String(end.status)])
  if (end.version !== undefined) pairs.push(["network.protocol.version", end.version])
  if (end.error !== undefined) pairs.push(["error.type", end.error])
  return pairs
}

const attempt = (facts: AttemptFacts): ((end: AttemptEnd) => void) => {
  const labels = cache.of(requestPairs(facts))
  record(active, 1, labels)
  return (end) => {
    record(active, -1, labels)
    record(duration, (end.time - facts.time) / 1000, cache.of(outcomePairs(facts, end)))
  }
}

const body = (facts: AttemptFacts, direction: "request" | "response", bytes: number): void => {
  const metric = direction === "request" ? requestSize : responseSize
  record(metric, bytes, cache.of(requestPairs(facts)))
}

interface Connection {
  readonly host: string
  readonly port: number
  readonly since: number
  /** How many requests use the connection. The signal of the next one may precede the release by the last one. */
  uses: number
  state: "active" | "idle"
}

/** Counts connections from the signals of a connector. */
class Connections implements ConnectionSink {
  private readonly open = new Map<number, Connection>()
  private readonly lookups = new Map<string, { readonly host: string; readonly time: number }>()

  signal(signal: Signal): void {
    switch (signal._tag) {
      case "ConnectionCreateEnd": {
        const [host, port] = cache.server(signal.host, signal.port)
        const connection: Connection = { host, port, since: signal.time, uses: 1, state: "active" }
        this.open.set(signal.connectionId, connection)
        this.count(connection, 1)
        return
      }
      case "ConnectionReuseconn":
        this.use(signal.connectionId, 1)
        return
      case "ConnectionReleased":
        this.use(signal.connectionId, -1)
        return
      case "ConnectionClosed":
        this.closed(signal.connectionId, signal.time)
        return
      case "DnsResolveHostStart":
        this.lookups.set(keyOf(signal), signal)
        return
      case "DnsResolveHostEnd":
        this.resolved(keyOf(signal), signal.time, undefined)
        return
      case "RequestException":
        this.resolved(keyOf(signal), signal.time, errorType(signal.cause))
        return
    }
  }

  /** Subtracts the open connections, because the connector may outlive the session that counts them. */
  stop(): void {
    for (const connection of this.open.values()) this.count(connection, -1)
    this.open.clear()
    this.lookups.clear()
  }

  private count({ host, port, state }: Connection, by: number): void {
    record(
      open,
      by,
      cache.of([
        ["http.connection.state", state],
        ["server.address", host],
        ["server.port", String(port)]
      ])
    )
  }

  private use(id: number, by: 1 | -1): void {
    const connection = this.open.get(id)
    if (connection === undefined) return
    connection.uses += by
    const state = connection.uses > 0 ? "active" : "idle"
    if (connection.state === state) return
    this.count(connection, -1)
    connection.state = state
    this.count(connection, 1)
  }

  private closed(id: number, time: number): void {
    const connection = this.open.get(id)
    if (connection === undefined) return
    this.open.delete(id)
    this.count(connection, -1)
    record(
      lifetime,
      Math.max(0, time - connection.since) / 1000,
      cache.of([
        ["server.address", connection.host],
        ["server.port", String(connection.port)]
      ])
    )
  }

  private resolved(key: string, time: number, error: string | undefined): void {
    const lookup = this.lookups.get(key)
    if (lookup === undefined) return
    this.lookups.delete(key)
    const name = ["dns.question.name", cache.host(lookup.host)] as const
    record(lookups, (time - lookup.time) / 1000, cache.of(error === undefined ? [name] : [name, ["error.type", error]]))
  }
}

const keyOf = (signal: Signal): string => `${signal.sessionId} ${signal.requestId}`

/** The observer of `Tracing.metrics`. */
export const makeMetrics = (all: boolean): Observer => ({
  attempt,
  body: all ? body : undefined,
  connections: all ? () => new Connections() : undefined
})
