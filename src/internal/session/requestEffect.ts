/**
 * The effects that verbs return: scoped by themselves, unscoped for the decoders that know where to look.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Fiber from "effect/Fiber"
import type { Scope } from "effect/Scope"
import type { RequestOptions, UrlInput } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import { showAs } from "../inspection.js"
import { redactUrl } from "../redact.js"
import { mergeOptions } from "../request/mergeOptions.js"
import { type PrepareError, prepare } from "../request/prepare.js"
import type { Defaults } from "../request/preparedRequest.js"
import { Prepared } from "../request/preparedRequest.js"
import { type FromResponse, openCollected, openFor, openScoped } from "./responseLifetime.js"
import type { SessionCore } from "./sessionCore.js"
import { Unopened, type UnopenedRequest } from "./unopenedRequest.js"

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

/** A request that is sent when it is run. Its parts are its own, so that a verb makes one object. */
abstract class Request<R>
  extends Effectable.Class<ClientResponse, ClientError, R | Scope>
  implements UnopenedRequest<R>
{
  protected abstract find(fiber: AnyFiber): Opener | Effect.Effect<ClientResponse, ClientError, Scope | R>
  protected abstract prepare(opener: Opener, fiber: AnyFiber): Prepared | PrepareError

  get [Unopened](): UnopenedRequest<R> {
    return this
  }

  override commit(): Effect.Effect<ClientResponse, ClientError, R | Scope> {
    return Effect.withFiberRuntime<ClientResponse, ClientError, R | Scope>((fiber) => {
      const opener = this.find(fiber)
      if (Effect.isEffect(opener)) return opener
      const request = this.prepare(opener, fiber)
      return request instanceof Prepared ? openScoped(opener.core, fiber, request) : Effect.fail(request)
    })
  }

  collect<A, E2, R2>(f: FromResponse<A, E2, R2>): Effect.Effect<A, ClientError | E2, R | R2> {
    return Effect.withFiberRuntime<A, ClientError | E2, R | R2>((fiber) => {
      const opener = this.find(fiber)
      if (Effect.isEffect(opener)) return Effect.scoped(Effect.flatMap(opener, f))
      const request = this.prepare(opener, fiber)
      return request instanceof Prepared ? openCollected(opener.core, fiber, request, f) : Effect.fail(request)
    })
  }

  use<A, E2, R2>(f: FromResponse<A, E2, R2>): Effect.Effect<A, ClientError | E2, R | R2> {
    return Effect.withFiberRuntime<A, ClientError | E2, R | R2>((fiber) => {
      const opener = this.find(fiber)
      if (Effect.isEffect(opener)) return Effect.scoped(Effect.flatMap(opener, f))
      const request = this.prepare(opener, fiber)
      return request instanceof Prepared ? openFor(opener.core, fiber, request, f) : Effect.fail(request)
    })
  }
}

/** A method, a URL and options. */
class Verb<R> extends Request<R> {
  static {
    showAs(Verb, "Request", ({ method, url }) => ({ method, url: redactUrl(String(url)) }))
  }

  private readonly session: Opener | Find<R>
  private readonly method: string
  private readonly url: UrlInput
  private readonly options: RequestOptions | undefined

  constructor(session: Opener | Find<R>, method: string, url: UrlInput, options: RequestOptions | undefined) {
    super()
    this.session = session
    this.method = method
    this.url = url
    this.options = options
  }

  protected override find(fiber: AnyFiber) {
    return typeof this.session === "function" ? this.session(fiber) : this.session
  }

  protected override prepare(opener: Opener, fiber: AnyFiber): Prepared | PrepareError {
    const current = opener.current(fiber.currentContext)
    const options = current === undefined ? this.options : mergeOptions(current, this.options ?? {}, this.url)
    return prepare(opener.defaults, this.method, this.url, options)
  }
}

/** Whatever else can be made a request of. */
class Value<R> extends Request<R> {
  static {
    showAs(Value, "Request")
  }

  private readonly session: Opener | Find<R>
  private readonly make: Prepare

  constructor(session: Opener | Find<R>, make: Prepare) {
    super()
    this.session = session
    this.make = make
  }

  protected override find(fiber: AnyFiber) {
    return typeof this.session === "function" ? this.session(fiber) : this.session
  }

  protected override prepare(opener: Opener, fiber: AnyFiber): Prepared | PrepareError {
    return this.make(opener, fiber)
  }
}

/** A request that is sent when it is run. */
export const send = <R>(
  session: Opener | Find<R>,
  method: string,
  url: UrlInput,
  options: RequestOptions | undefined
): Effect.Effect<ClientResponse, ClientError, R | Scope> => new Verb(session, method, url, options)

/** The same for a request value. */
export const sendValue = <R>(
  session: Opener | Find<R>,
  make: Prepare
): Effect.Effect<ClientResponse, ClientError, R | Scope> => new Value(session, make)
