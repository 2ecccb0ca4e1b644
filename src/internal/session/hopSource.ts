/** The part of a hop that its response and its connection read: the request, its text, its route and its timeline. */
import type * as Effect from "effect/Effect"
import type { RequestInfo, ResponseHead, Timings } from "../../ClientResponse.js"
import type { ClientError, Details } from "../../Errors.js"
import type { Phase } from "../../Timeouts.js"
import type { Limits } from "../limits.js"
import { raceWithCallback } from "../raceWithCallback.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import type { BodyWatch } from "../response/body/bodyReader.js"
import type { BodySettings, ResponseSource } from "../response/response.js"
import type { WrittenRequest } from "../response/responseHead.js"
import type { Sent } from "../response/responseSource.js"
import type { HopTrace } from "../tracing/hopTrace.js"
import { Timeline } from "../tracing/timeline.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { IncomingBody } from "../transport/incomingBody.js"
import type { Route, WireRequest } from "../transport/transport.js"
import type { Call } from "./call.js"
import { bodySettings, requestInfo, sentBy } from "./hopFacts.js"
import { withinCall } from "./withinCall.js"

export abstract class HopSource implements ResponseSource {
  readonly call: Call
  readonly request: PreparedRequest
  wireRequest: WireRequest
  readonly route: Route
  readonly limits: Limits
  readonly deadlines: Deadlines
  readonly trace: HopTrace | undefined
  readonly marks: Timeline

  constructor(call: Call, request: PreparedRequest, wire: WireRequest, route: Route, trace: HopTrace | undefined) {
    this.call = call
    this.request = request
    this.wireRequest = wire
    this.route = route
    this.limits = call.limits
    this.deadlines = call.deadlines
    this.trace = trace
    this.marks = trace === undefined ? new Timeline(call.deadlines, call.startedAt) : trace.marks(call.startedAt)
  }

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
    return raceWithCallback(withinCall(call, effect), (fail: (error: ClientError) => void) => {
      const deadline = deadlines.schedule(call.expiresAt, () => fail(call.totalTimeoutError("body")))
      return () => deadline.cancel()
    })
  }
  written(): WrittenRequest {
    const { secretHeaders: secret, target } = this.request
    return { target, head: this.wireRequest.head, secret }
  }
  requestInfo(): RequestInfo {
    return requestInfo(this.request, this.wireRequest)
  }

  sent(): Sent {
    return sentBy(this.call.core, this.request, this.wireRequest, this.route)
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
}
