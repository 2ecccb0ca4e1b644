/**
 * One request on its way to one origin and back, resends included: where the callbacks of the transport meet the
 * effects of the session.
 */

import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { ClientResponse, ConnectionInfo, RequestInfo, ResponseHead, Timings } from "../../ClientResponse.js"
import type { ClientError, Details } from "../../Errors.js"
import type { Phase } from "../../Timeouts.js"
import type { Retryability } from "../errors/retryability.js"
import { showAs } from "../inspection.js"
import type { Limits } from "../limits.js"
import { endedBy } from "../raceWithCallback.js"
import type { Prepared } from "../request/preparedRequest.js"
import type { BodyWatch } from "../response/body/bodyReader.js"
import { type BodySettings, Response, type ResponseSource } from "../response/response.js"
import type { WrittenRequest } from "../response/responseHead.js"
import type { Sent } from "../response/responseSource.js"
import type { HopTrace } from "../tracing/hopTrace.js"
import { Timeline } from "../tracing/timeline.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { IncomingBody } from "../transport/incomingBody.js"
import type { Wire } from "../transport/networkStream.js"
import { isRepeatable } from "../transport/repeatable.js"
import type { Connection, Exchange, Head, Route, WireRequest } from "../transport/transport.js"
import type { Call } from "./call.js"
import { storeCookies } from "./hopCookies.js"
import { bodySettings, requestInfo, sentBy } from "./hopFacts.js"
import { withinCall } from "./withinCall.js"

/** What is done with a response once its head is there; `undefined`: nothing more. */
export type OnResponse = (call: Call, response: Response) => Effect.Effect<ClientResponse, ClientError> | undefined

export type Resume = (effect: Effect.Effect<ClientResponse, ClientError>) => void

export class Hop implements Exchange, ResponseSource {
  static {
    showAs(Hop, "Exchange", (self) => self.details(undefined))
  }

  readonly call: Call
  readonly request: Prepared
  wire: WireRequest
  readonly route: Route
  readonly limits: Limits
  readonly deadlines: Deadlines
  readonly trace: HopTrace | undefined
  readonly marks: Timeline
  onAbort: ((error: ClientError) => void) | undefined = undefined
  onLeave: (() => void) | undefined = undefined
  private readonly collect: boolean
  private readonly onResponse: OnResponse
  private resume: Resume = ignore
  private link: Connection | undefined = undefined
  /** The connection that the response has taken with it. */
  private upgraded: Wire | undefined = undefined
  private response: Response | undefined = undefined
  private resent = false

  constructor(
    call: Call,
    request: Prepared,
    wire: WireRequest,
    route: Route,
    trace: HopTrace | undefined,
    collect: boolean,
    onResponse: OnResponse
  ) {
    this.call = call
    this.request = request
    this.wire = wire
    this.route = route
    this.limits = call.limits
    this.deadlines = call.deadlines
    this.trace = trace
    this.marks = trace === undefined ? new Timeline(call.deadlines, call.startedAt) : trace.marks(call.startedAt)
    this.collect = collect
    this.onResponse = onResponse
  }

  /** Sends the request, on an idle connection at once if there is one. */
  start(resume: Resume): void {
    this.resume = resume
    this.call.add(this)
    this.call.attempt++
    if (this.trace !== undefined) {
      this.startTraced(this.trace, resume)
      return
    }
    const connection = this.call.core.transport.takeIdle(this)
    if (connection === undefined) resume(this.connect(false))
    else connection.exchange(this)
  }

  private startTraced(trace: HopTrace, resume: Resume): void {
    // Listeners are heard before a connection is used.
    const connection = trace.listening ? undefined : this.call.core.transport.takeIdle(this)
    if (connection === undefined) resume(this.connect(false))
    else {
      trace.sending(this.wire)
      connection.exchange(this)
    }
  }

  get connected(): boolean {
    return this.link !== undefined
  }

  // What its response is made of.

  get method(): string {
    return this.request.method
  }
  get url(): string {
    return this.request.target.url
  }
  get realUrl(): string {
    return this.request.target.realUrl
  }
  get history(): ReadonlyArray<ResponseHead> {
    return this.call.history
  }
  get attempts(): number {
    return this.call.attempt
  }
  get settings(): BodySettings {
    return bodySettings(this.request)
  }
  get bodyWatch(): BodyWatch | undefined {
    return this.trace?.bodyWatch
  }
  get listen(): Effect.Effect<void> | undefined {
    return this.trace?.listen
  }
  get expiresAt(): number {
    return this.call.expiresAt
  }
  beginStream(body: IncomingBody): void {
    this.call.beginStream(body)
  }
  timings(): Timings {
    return this.marks.timings
  }
  within<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | ClientError> {
    const { call, deadlines } = this
    return endedBy(withinCall(call, effect), (fail: (error: ClientError) => void) => {
      const deadline = deadlines.schedule(call.expiresAt, () => fail(call.late("body")))
      return () => deadline.cancel()
    })
  }
  written(): WrittenRequest {
    const { secretHeaders: secret, target } = this.request
    return { target, head: this.wire.head, secret }
  }
  requestInfo(): RequestInfo {
    return requestInfo(this.request, this.wire)
  }

  sent(): Sent {
    return sentBy(this.call.core, this.request, this.wire, this.route)
  }

  details(phase: Phase | undefined): Details {
    const { origin, shownUrl: url } = this.request.target
    return {
      method: this.call.method,
      url,
      host: origin.host,
      port: origin.port,
      phase,
      attempt: this.call.attempt
    }
  }

  get failure(): ClientError | undefined {
    return this.call.failure
  }
  clock(): number {
    return this.call.clock()
  }

  /** Ends it with an error, wherever it is. Between two waits, the next one finds `failure`. */
  abort(error: ClientError): void {
    const wait = this.onAbort
    if (wait !== undefined) {
      this.onAbort = undefined
      wait(error)
      return
    }
    if (this.link !== undefined) {
      this.link.cut(error)
      return
    }
    this.onLeave?.()
    this.done()
    this.resume(Effect.fail(error))
  }

  /** Destroys the connection that its response took along: the peer has had the graceful time to close it. */
  cutUpgraded(): void {
    this.upgraded?.socket.destroy()
  }

  /** Ends it without telling anybody. */
  interrupt(): void {
    this.resume = ignore
    this.onAbort = undefined
    this.onLeave?.()
    this.trace?.failed(Cause.interrupt(FiberId.none))
    this.response?.releaseNow()
    if (this.response === undefined) this.link?.abort("Interrupted")
    this.done()
  }

  /** Gives its response back, if it has one and it is not this. */
  releaseUnless(response: unknown): void {
    if (this.response !== undefined && this.response !== response) this.response.releaseNow()
  }

  // What the transport tells.

  onConnection(connection: Connection): void {
    this.link = connection
    this.trace?.connected(connection, this.route)
  }

  onInformational(head: Head): void {
    this.trace?.informational(head)
  }

  onHead(head: Head, body: IncomingBody): void {
    const call = this.call
    const jar = call.core.jar
    if (jar !== undefined) storeCookies(call, jar, this.request, head, this.trace)
    const response = new Response(this, head, body, this.link?.info ?? noConnection)
    this.response = response
    this.trace?.head(head, response)
    const next = this.onResponse(call, response)
    if (next !== undefined) this.resume(next)
    else if (this.collect && response.direct) {
      response.collect(
        (error) => this.resume(error === undefined ? Effect.succeed(response) : Effect.fail(error)),
        call.readerLimit
      )
    } else this.resume(Effect.succeed(response))
  }

  onUpgrade(head: Head, wire: Wire, rest: Uint8Array): void {
    const call = this.call
    const jar = call.core.jar
    if (jar !== undefined) storeCookies(call, jar, this.request, head, this.trace)
    const response = Response.upgraded(this, head, this.link?.info ?? noConnection, { wire, rest })
    this.response = response
    this.trace?.head(head, response)
    // It is not waited for like a request: whoever has it is told, and ends it in good order.
    this.link = undefined
    this.upgraded = wire
    this.onAbort = (error) => call.abort(error)
    wire.socket.once("close", () => this.done())
    this.resume(this.onResponse(call, response) ?? Effect.succeed(response))
  }

  onError(error: ClientError, repeatable: Retryability): void {
    const reused = this.link?.info.reused === true
    this.link = undefined
    if (this.resendable(repeatable)) {
      this.resent = true
      this.call.attempt++
      if (this.trace !== undefined) {
        const reason = reused ? "StaleConnection" : "Disconnected"
        this.wire = this.trace.resent(this.wire, reason, error, this.call.attempt)
      }
      this.resume(this.connect(true))
      return
    }
    this.trace?.failed(Cause.fail(error))
    this.done()
    this.resume(Effect.fail(error))
  }

  onDefect(cause: Cause.Cause<never>): void {
    this.trace?.failed(cause)
    this.done()
    this.resume(Effect.failCause(cause))
  }

  onDone(): void {
    this.done()
  }

  private done(): void {
    this.link = undefined
    this.call.remove(this)
  }

  /** Waits for a connection, then sends. */
  private connect(fresh: boolean): Effect.Effect<ClientResponse, ClientError> {
    return Effect.matchEffect(this.call.core.transport.acquire(this, fresh), {
      onFailure: (error) => {
        this.trace?.failed(Cause.fail(error))
        this.done()
        return Effect.fail(error)
      },
      onSuccess: (connection) => {
        const sent = Effect.async<ClientResponse, ClientError>((resume) => {
          this.resume = resume
          const { failure } = this
          if (failure === undefined) connection.exchange(this)
          else {
            connection.abort("Error")
            this.onError(failure, "never")
          }
        })
        return this.trace === undefined ? sent : Effect.zipRight(this.trace.beforeSending(this.wire), sent)
      }
    })
  }

  /** Whether it goes out once more: where nothing of it was written, whatever it is. */
  private resendable(repeatable: Retryability): boolean {
    if (repeatable === "never" || this.resent || this.call.failure !== undefined) return false
    return repeatable === "unsent" || isRepeatable(this.wire)
  }
}

const ignore: Resume = () => {}

const noConnection: ConnectionInfo = { id: 0, reused: false }
