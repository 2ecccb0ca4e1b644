/**
 * One hop: a request to one origin and its response, including resends on another connection. Converts the callbacks of
 * the transport to effects of the session.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { ClientResponse, ConnectionInfo } from "../../ClientResponse.js"
import type { BodyError, ClientError } from "../../Errors.js"
import { callback } from "../effect/callback.js"
import type { Retryability } from "../errors/retryability.js"
import { showAs } from "../inspection.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { Response } from "../response/response.js"
import type { Waiter } from "../response/responseBody.js"
import type { HopTrace } from "../tracing/hopTrace.js"
import type { IncomingBody } from "../transport/incomingBody.js"
import type { NetworkStream } from "../transport/networkStream.js"
import type { Connection, Exchange, Head, Route, WireRequest } from "../transport/transport.js"
import type { Call } from "./call.js"
import { storeCookies } from "./hopCookies.js"
import { HopSource } from "./hopSource.js"
import { Resends, resendReason } from "./resends.js"

/** Continues with a response when its head has arrived; `undefined` if the response is the result. */
export type OnResponse = (call: Call, response: Response) => Effect.Effect<ClientResponse, ClientError> | undefined

/** Continues the fiber that waits for the hop. */
export type Resume = (effect: Effect.Effect<ClientResponse, ClientError>) => void

export class Hop extends HopSource implements Exchange, Waiter {
  static {
    showAs(Hop, "Hop", (self) => self.details(undefined))
  }

  onAbort: ((error: ClientError) => void) | undefined = undefined
  onLeave: (() => void) | undefined = undefined
  private readonly collect: boolean
  private readonly onResponse: OnResponse
  private resume: Resume = ignore
  private connection: Connection | undefined = undefined
  /** The stream that an upgraded response owns. */
  private upgraded: NetworkStream | undefined = undefined
  private response: Response | undefined = undefined
  private resends: Resends | undefined = undefined

  constructor(
    call: Call,
    request: PreparedRequest,
    wire: WireRequest,
    route: Route,
    trace: HopTrace | undefined,
    collect: boolean,
    onResponse: OnResponse
  ) {
    super(call, request, wire, route, trace)
    this.collect = collect
    this.onResponse = onResponse
  }

  /**
   * Sends the request: in the same step on an idle connection, otherwise once a connection is open. `now` is the time
   * of this step.
   */
  start(resume: Resume, now: number): void {
    this.resume = resume
    this.call.add(this)
    this.call.attempt++
    if (this.trace !== undefined) {
      this.startTraced(this.trace, resume, now)
      return
    }
    const connection = this.call.core.transport.takeIdle(this, now)
    if (connection === undefined) resume(this.connect(false))
    else connection.start(this, now)
  }

  private startTraced(trace: HopTrace, resume: Resume, now: number): void {
    // With listeners, `connect` takes the connection, because they must run before it is used.
    const connection = trace.listening ? undefined : this.call.core.transport.takeIdle(this, now)
    if (connection === undefined) resume(this.connect(false))
    else {
      trace.sending(this.wireRequest)
      connection.start(this, now)
    }
  }

  get connected(): boolean {
    return this.connection !== undefined
  }

  /** Ends the hop with an error in any state. A hop that does not wait now checks `failure` before its next wait. */
  abort(error: ClientError): void {
    const wait = this.onAbort
    if (wait !== undefined) {
      this.onAbort = undefined
      wait(error)
      return
    }
    if (this.connection !== undefined) {
      this.connection.cut(error)
      return
    }
    this.onLeave?.()
    this.leaveCall()
    this.resume(Effect.fail(error))
  }

  /** Destroys an upgraded connection that the peer did not close within the graceful shutdown time. */
  cutUpgraded(): void {
    this.upgraded?.socket.destroy()
  }

  /** Releases everything without resuming the fiber, which was interrupted. */
  interrupt(): void {
    this.resume = ignore
    this.onAbort = undefined
    this.onLeave?.()
    this.trace?.failed(Cause.interrupt(FiberId.none))
    this.response?.releaseNow()
    if (this.response === undefined) this.connection?.abort("Interrupted")
    this.leaveCall()
  }

  /** Releases the hop's response, unless it is `response`. */
  releaseUnless(response: unknown): void {
    if (this.response !== undefined && this.response !== response) this.response.releaseNow()
  }

  // Called by the transport.

  onConnection(connection: Connection): void {
    this.connection = connection
    this.trace?.connected(connection, this.route)
  }

  onInformational(head: Head): void {
    this.trace?.informational(head)
  }

  onHead(head: Head, body: IncomingBody): void {
    const call = this.call
    const jar = call.core.jar
    const storing = jar === undefined ? undefined : storeCookies(call, jar, this.request, head, this.trace)
    const response = new Response(this, head, body, this.connection?.info ?? noConnection)
    this.response = response
    this.trace?.head(head, response)
    if (storing === undefined) this.proceed(response)
    else this.resume(this.proceedAfter(storing, response))
  }

  private proceed(response: Response): void {
    const call = this.call
    const next = this.onResponse(call, response)
    if (next !== undefined) this.resume(next)
    else if (this.collect && response.isCollectable) {
      response.collect(this, call.readerLimit)
    } else this.resume(Effect.succeed(response))
  }

  /** Continues with the response when its cookies are stored. */
  private proceedAfter(storing: Effect.Effect<void>, response: Response): Effect.Effect<ClientResponse, ClientError> {
    return Effect.zipRight(
      storing,
      callback<ClientResponse, ClientError>((resume) => {
        this.resume = resume
        const { failure } = this
        if (failure === undefined) this.proceed(response)
        else {
          response.releaseNow()
          resume(Effect.fail(failure))
        }
      })
    )
  }

  /** Called by the response. */
  onCollected(error: BodyError | undefined): void {
    if (error !== undefined) this.resume(Effect.fail(error))
    else if (this.response !== undefined) this.resume(Effect.succeed(this.response))
  }

  onUpgrade(head: Head, stream: NetworkStream, rest: Uint8Array): void {
    const call = this.call
    const jar = call.core.jar
    const storing = jar === undefined ? undefined : storeCookies(call, jar, this.request, head, this.trace)
    const response = Response.upgraded(this, head, this.connection?.info ?? noConnection, { stream, rest })
    this.response = response
    this.trace?.head(head, response)
    // Shutdown does not wait for an upgraded connection: it notifies the owner, which closes it.
    this.connection = undefined
    this.upgraded = stream
    this.onAbort = (error) => call.abort(error)
    stream.socket.once("close", () => this.leaveCall())
    const next = () => this.onResponse(call, response) ?? Effect.succeed(response)
    this.resume(storing === undefined ? next() : Effect.zipRight(storing, Effect.suspend(next)))
  }

  onError(error: ClientError, repeatable: Retryability, rotated = false): void {
    const reused = this.connection?.info.reused === true
    this.connection = undefined
    this.resends ??= new Resends()
    if (this.call.failure === undefined && this.resends.claim(this.wireRequest, repeatable, rotated)) {
      this.call.attempt++
      if (this.trace !== undefined) {
        this.wireRequest = this.trace.resent(this.wireRequest, resendReason(error, reused), error, this.call.attempt)
      }
      // A server that refuses a stream keeps its connection.
      this.resume(this.connect(error._tag !== "StreamResetError"))
      return
    }
    const failure = this.resends.finalError(error)
    this.trace?.failed(Cause.fail(failure))
    this.leaveCall()
    this.resume(Effect.fail(failure))
  }

  onDefect(cause: Cause.Cause<never>): void {
    this.trace?.failed(cause)
    this.leaveCall()
    this.resume(Effect.failCause(cause))
  }

  onDone(): void {
    this.leaveCall()
  }

  /** Removes the hop from its call: it does not use a connection any more. */
  private leaveCall(): void {
    this.connection = undefined
    this.call.remove(this)
  }

  /** Waits for a connection, then sends the request. `fresh` excludes idle connections. */
  private connect(fresh: boolean): Effect.Effect<ClientResponse, ClientError> {
    return Effect.matchEffect(this.call.core.transport.acquire(this, fresh, this.resends?.resent === true), {
      onFailure: (error) => {
        this.trace?.failed(Cause.fail(error))
        this.leaveCall()
        return Effect.fail(error)
      },
      onSuccess: (connection) => {
        const sent = callback<ClientResponse, ClientError>((resume) => {
          this.resume = resume
          const { failure } = this
          if (failure === undefined) connection.start(this)
          else {
            connection.abort("Error")
            this.onError(failure, "never")
          }
        })
        return this.trace === undefined ? sent : Effect.zipRight(this.trace.beforeSending(this.wireRequest), sent)
      }
    })
  }
}

const ignore: Resume = () => {}

const noConnection: ConnectionInfo = { id: 0, reused: false }
