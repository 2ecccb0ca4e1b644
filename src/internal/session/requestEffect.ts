/**
 * The effects that verbs return. They need a Scope, except where a decoder takes over the request
 * (`unopenedRequest.ts`).
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { RequestOptions, UrlInput } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import { EffectClass } from "../effect/effectClass.js"
import type { AnyFiber } from "../effect/fibers.js"
import { withRestore } from "../effect/guard.js"
import { showAs } from "../inspection.js"
import { redactUrl } from "../redact.js"
import { mergeOptions } from "../request/mergeOptions.js"
import { type PrepareError, prepare } from "../request/prepare.js"
import type { Defaults } from "../request/preparedRequest.js"
import { PreparedRequest } from "../request/preparedRequest.js"
import { type FromResponse, openCollected, openFor, openScoped } from "./responseLifetime.js"
import type { SessionCore } from "./sessionCore.js"
import { Unopened, type UnopenedRequest } from "./unopenedRequest.js"

/** The members of a session that requests use. */
export interface RequestContext {
  readonly core: SessionCore
  readonly defaults: Defaults
  /** The options in a fiber's context (`CurrentRequestOptions`). */
  readonly current: (context: Context.Context<never>) => RequestOptions | undefined
}

/** Prepares a request in the fiber that runs it. */
export type Prepare = (session: RequestContext, fiber: AnyFiber) => PreparedRequest | PrepareError

/**
 * Finds the session of a request in the context of its fiber. A session of another package sends the request itself.
 */
export type FindSession<R> = (fiber: AnyFiber) => RequestContext | Effect.Effect<ClientResponse, ClientError, Scope | R>

/**
 * An effect that sends a request each time it runs. Subclasses keep the parts of the request in fields, so that a verb
 * allocates one object.
 */
abstract class RequestEffect<R>
  extends EffectClass<ClientResponse, ClientError, R | Scope>
  implements UnopenedRequest<R>
{
  protected abstract find(fiber: AnyFiber): RequestContext | Effect.Effect<ClientResponse, ClientError, Scope | R>
  protected abstract prepare(session: RequestContext, fiber: AnyFiber): PreparedRequest | PrepareError

  get [Unopened](): UnopenedRequest<R> {
    return this
  }

  override commit(): Effect.Effect<ClientResponse, ClientError, R | Scope> {
    return withRestore<ClientResponse, ClientError, R | Scope>((fiber, restore) => {
      const found = this.find(fiber)
      if (!("core" in found)) return found
      const request = this.prepare(found, fiber)
      return request instanceof PreparedRequest ? openScoped(found.core, fiber, restore, request) : Effect.fail(request)
    })
  }

  collect<A, E2, R2>(f: FromResponse<A, E2, R2>): Effect.Effect<A, ClientError | E2, R | R2> {
    return withRestore<A, ClientError | E2, R | R2>((fiber, restore) => {
      const found = this.find(fiber)
      if (!("core" in found)) return Effect.scoped(Effect.flatMap(found, f))
      const request = this.prepare(found, fiber)
      return request instanceof PreparedRequest
        ? openCollected(found.core, fiber, restore, request, f)
        : Effect.fail(request)
    })
  }

  use<A, E2, R2>(f: FromResponse<A, E2, R2>): Effect.Effect<A, ClientError | E2, R | R2> {
    return withRestore<A, ClientError | E2, R | R2>((fiber, restore) => {
      const found = this.find(fiber)
      if (!("core" in found)) return Effect.scoped(Effect.flatMap(found, f))
      const request = this.prepare(found, fiber)
      return request instanceof PreparedRequest ? openFor(found.core, fiber, restore, request, f) : Effect.fail(request)
    })
  }
}

/** A request from method, URL and options. */
class VerbEffect<R> extends RequestEffect<R> {
  static {
    showAs(VerbEffect, "Request", ({ method, url }) => ({ method, url: redactUrl(String(url)) }))
  }

  private readonly session: RequestContext | FindSession<R>
  private readonly method: string
  private readonly url: UrlInput
  private readonly options: RequestOptions | undefined

  constructor(
    session: RequestContext | FindSession<R>,
    method: string,
    url: UrlInput,
    options: RequestOptions | undefined
  ) {
    super()
    this.session = session
    this.method = method
    this.url = url
    this.options = options
  }

  protected override find(fiber: AnyFiber) {
    return typeof this.session === "function" ? this.session(fiber) : this.session
  }

  protected override prepare(session: RequestContext, fiber: AnyFiber): PreparedRequest | PrepareError {
    const current = session.current(fiber.currentContext)
    const options = current === undefined ? this.options : mergeOptions(current, this.options ?? {}, this.url)
    return prepare(session.defaults, this.method, this.url, options)
  }
}

/** A request that a function prepares, such as one from a request value. */
class ValueEffect<R> extends RequestEffect<R> {
  static {
    showAs(ValueEffect, "Request")
  }

  private readonly session: RequestContext | FindSession<R>
  private readonly prepareRequest: Prepare

  constructor(session: RequestContext | FindSession<R>, make: Prepare) {
    super()
    this.session = session
    this.prepareRequest = make
  }

  protected override find(fiber: AnyFiber) {
    return typeof this.session === "function" ? this.session(fiber) : this.session
  }

  protected override prepare(session: RequestContext, fiber: AnyFiber): PreparedRequest | PrepareError {
    return this.prepareRequest(session, fiber)
  }
}

/** An effect that sends a request of a method, a URL and options. */
export const send = <R>(
  session: RequestContext | FindSession<R>,
  method: string,
  url: UrlInput,
  options: RequestOptions | undefined
): Effect.Effect<ClientResponse, ClientError, R | Scope> => new VerbEffect(session, method, url, options)

/** An effect that sends the request that `make` prepares. */
export const sendValue = <R>(
  session: RequestContext | FindSession<R>,
  make: Prepare
): Effect.Effect<ClientResponse, ClientError, R | Scope> => new ValueEffect(session, make)
