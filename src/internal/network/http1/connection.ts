/**
 * One HTTP/1.1 connection as the pool and the network see it: which route it serves, how old it is, which slot it
 * holds, and its callbacks to its owner. `ExchangeRunner` runs its exchanges.
 */
import type { ConnectionInfo, Deviation } from "../../../ClientResponse.js"
import type { ConnectionClosed } from "../../../Tracing.js"
import { showAs } from "../../inspection.js"
import type { ConnectionAge } from "../../transport/connectionAge.js"
import type { ConnectionOwner } from "../../transport/connectionOwner.js"
import { deviationsOf } from "../../transport/deviations.js"
import type { Lease } from "../../transport/lease.js"
import { infoOf, type NetworkStream } from "../../transport/networkStream.js"
import type { Pooled } from "../../transport/pool.js"
import type { Connection, Exchange } from "../../transport/transport.js"
import { ExchangeRunner } from "./exchangeRunner.js"
import type { ParsedHead } from "./head.js"
import type { ParserLimits } from "./limits.js"

/** Milliseconds subtracted from the keep-alive timeout of a server, because a request needs time to reach it. */
const hintMargin = 500

export class Http1Connection extends ExchangeRunner implements Connection, Pooled {
  static {
    showAs(Http1Connection, "Connection", ({ closed, id, requests, wire }) => ({
      id,
      requests,
      closed,
      remoteAddress: wire.remoteAddress
    }))
  }

  readonly id: number
  readonly key: string
  readonly age: ConnectionAge
  maxIdle = Infinity
  readonly available = 1
  /** The slot of the pool that the connection holds while it is in use. */
  lease: Lease<Pooled> | undefined = undefined
  /** The exchange that uses the connection, or was using it when it closed. */
  lastExchange: Exchange | undefined = undefined

  /** Connection info for reused connections; only the first response reports `reused: false`. */
  private reusedInfo: ConnectionInfo | undefined = undefined
  private readonly owner: ConnectionOwner<Http1Connection>

  constructor(
    id: number,
    key: string,
    wire: NetworkStream,
    limits: ParserLimits,
    owner: ConnectionOwner<Http1Connection>,
    age: ConnectionAge
  ) {
    super(wire, limits)
    this.id = id
    this.age = age
    this.key = key
    this.owner = owner
    this.listen()
  }

  /** Deviations tolerated in the last response. */
  get deviations(): ReadonlyArray<Deviation> {
    return deviationsOf(this.response.deviations)
  }

  get info(): ConnectionInfo {
    if (this.requests <= 1) return infoOf(this.id, false, this.wire, "http/1.1")
    this.reusedInfo ??= infoOf(this.id, true, this.wire, "http/1.1")
    return this.reusedInfo
  }

  // Called by the exchange and the network.

  serve(): Connection {
    return this
  }

  start(exchange: Exchange, now = exchange.deadlines.now()): void {
    if (!this.closed) this.lastExchange = exchange
    this.run(exchange, now)
  }

  abort(reason: ConnectionClosed["reason"]): void {
    this.shut(reason)
  }

  /** Closes an idle connection. */
  close(reason: ConnectionClosed["reason"]): void {
    this.shut(reason)
  }

  // Called by the runner.

  protected override hasOtherActive(): boolean {
    return this.owner.hasOtherActive()
  }

  protected override onReusable(exchange: Exchange, head: ParsedHead, now: number): boolean {
    this.lastExchange = undefined
    if (head.keepAliveTimeout !== undefined) this.maxIdle = Math.max(0, head.keepAliveTimeout - hintMargin)
    return this.owner.onReusable(this, exchange, now)
  }

  protected override closeReason(): ConnectionClosed["reason"] {
    return this.age.retired ? "Retired" : "ForceClose"
  }

  protected override onClosed(reason: ConnectionClosed["reason"], exchange: Exchange | undefined): void {
    this.owner.onClosed(this, reason, exchange)
  }

  protected override onUpgraded(exchange: Exchange): void {
    this.owner.onUpgraded(this, exchange)
  }
}
