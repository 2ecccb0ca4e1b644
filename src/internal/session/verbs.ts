/**
 * The effects that verbs return: scoped by themselves, unscoped for the decoders that know where to look.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Scope } from "effect/Scope"
import type { Method, RequestOptions, UrlInput } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import type { SessionCore } from "./core.js"
import type { Defaults } from "./defaults.js"
import { openCollected, openFor, openScoped } from "./open.js"
import { mergeOptions } from "./options.js"
import { type PrepareError, prepare } from "./prepare.js"
import { Prepared } from "./prepared.js"
import { Unopened, type UnopenedRequest } from "./unopened.js"

/** A session as its requests need it. */
export interface Opener {
  readonly core: SessionCore
  readonly defaults: Defaults
  /** The options that hold in a fiber's context. */
  readonly current: (context: Context.Context<never>) => RequestOptions | undefined
}

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** How a request becomes a prepared one, in the fiber that makes it. */
export type Prepare = (opener: Opener, fiber: AnyFiber) => Prepared | PrepareError

/** Where the session comes from: it is known, or in the context. */
export type Find<R> = (fiber: AnyFiber) => Opener | Effect.Effect<ClientResponse, ClientError, Scope | R>

class UnopenedVerb<R> implements UnopenedRequest<R> {
  private readonly find: Find<R>
  private readonly prepare: Prepare

  constructor(find: Find<R>, prepare: Prepare) {
    this.find = find
    this.prepare = prepare
  }

  readonly collect = <A, E2, R2>(
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ): Effect.Effect<A, ClientError | E2, R | R2> =>
    Effect.withFiberRuntime<A, ClientError | E2, R | R2>((fiber) => {
      const opener = this.find(fiber)
      if (Effect.isEffect(opener)) return Effect.scoped(Effect.flatMap(opener, f))
      const request = this.prepare(opener, fiber)
      return request instanceof Prepared ? openCollected(opener.core, fiber, request, f) : Effect.fail(request)
    })

  readonly use = <A, E2, R2>(
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ): Effect.Effect<A, ClientError | E2, R | R2> =>
    Effect.withFiberRuntime<A, ClientError | E2, R | R2>((fiber) => {
      const opener = this.find(fiber)
      if (Effect.isEffect(opener)) return Effect.scoped(Effect.flatMap(opener, f))
      const request = this.prepare(opener, fiber)
      return request instanceof Prepared ? openFor(opener.core, fiber, request, f) : Effect.fail(request)
    })

  scoped(): Effect.Effect<ClientResponse, ClientError, R | Scope> {
    return Effect.withFiberRuntime<ClientResponse, ClientError, R | Scope>((fiber) => {
      const opener = this.find(fiber)
      if (Effect.isEffect(opener)) return opener
      const request = this.prepare(opener, fiber)
      return request instanceof Prepared ? openScoped(opener.core, fiber, request) : Effect.fail(request)
    })
  }
}

/** A request that is sent when it is run. */
export const send = <R>(find: Find<R>, prepareIt: Prepare): Effect.Effect<ClientResponse, ClientError, R | Scope> => {
  const unopened = new UnopenedVerb(find, prepareIt)
  return Object.assign(unopened.scoped(), { [Unopened]: unopened })
}

/** `Prepare` for a method, a URL and options. */
export const byOptions =
  (method: Method, url: UrlInput, options: RequestOptions | undefined): Prepare =>
  (opener, fiber) => {
    const current = opener.current(fiber.currentContext)
    return prepare(opener.defaults, method, url, current === undefined ? options : mergeOptions(current, options ?? {}))
  }
