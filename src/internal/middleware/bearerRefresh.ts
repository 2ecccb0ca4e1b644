/** Adds a bearer token (RFC 6750). Fetches it on first use, shortly before its expiry, and after a 401. */

import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, InvalidURL } from "../../Errors.js"
import type { ExpiringToken, Middleware, Next } from "../../Middleware.js"
import { currentServices } from "../effect/fiberState.js"
import { parseTarget } from "../http/target.js"
import { showAs } from "../inspection.js"
import { redactUrl } from "../redact.js"
import { authorizationOf, reveal } from "../request/authorization.js"
import { isReplayable } from "../request/body/replayable.js"
import { setHeader } from "../request/edits.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { kindOf } from "../userResult.js"
import { addsCredentials } from "./credentialed.js"
import { emitRetry, hasCredentials, middlewareError, preparedOf } from "./request.js"
import { type KnownToken, knownToken } from "./tokenExpiry.js"

/**
 * The token states for which the current fiber fetches a token. Requests of the fetch itself are sent without the
 * token.
 */
class Fetching extends Context.Reference<Fetching>()("effect-http-session/Middleware/Fetching", {
  defaultValue: (): ReadonlySet<object> => none
}) {}

const none: ReadonlySet<object> = new Set()

/** One fetch of a token, shared by all requests that wait for it. */
interface Refresh<E> {
  readonly result: Deferred.Deferred<Redacted.Redacted, E>
  fiber: Fiber.RuntimeFiber<void> | undefined
  waiting: number
}

const isWiped = (token: Redacted.Redacted): boolean => Redacted.isRedacted(token) && reveal(token) === undefined

/** The current token, and the fetch in progress, of which there is at most one. */
class TokenState<E> {
  static {
    showAs(TokenState, "BearerRefresh")
  }

  private readonly fetch: Effect.Effect<Redacted.Redacted | ExpiringToken, E>
  /** How many milliseconds before the expiry of a token the next one is fetched. */
  private readonly refreshAhead: number
  private current: KnownToken | undefined = undefined
  private refresh: Refresh<E> | undefined = undefined

  constructor(fetch: Effect.Effect<Redacted.Redacted | ExpiringToken, E>, ahead: number) {
    this.fetch = fetch
    this.refreshAhead = ahead
  }

  /** The current token. Fetches a new one if there is none, or if the server `refused` the current one. */
  get(refused: Redacted.Redacted | undefined): Effect.Effect<Redacted.Redacted, E> {
    return Effect.suspend(() => {
      const { current } = this
      if (current === undefined || current.token === refused || isWiped(current.token)) {
        this.current = undefined
        return this.wait()
      }
      return current.refreshAt === Infinity ? Effect.succeed(current.token) : this.currentOrNew(current)
    })
  }

  /**
   * The current token, or a new one shortly before its expiry. If fetching fails, the current one is used until then.
   */
  private currentOrNew(current: KnownToken): Effect.Effect<Redacted.Redacted, E> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now < current.refreshAt) return Effect.succeed(current.token)
      if (now >= current.expiresAt) return this.wait()
      return Effect.catchAllCause(this.wait(), () => {
        current.refreshAt = now + (current.expiresAt - now) / 2
        return Effect.succeed(current.token)
      })
    })
  }

  /** Drops a refused token, so that the next request fetches a new one. */
  forget(refused: Redacted.Redacted): void {
    if (this.current?.token === refused) this.current = undefined
  }

  /** Waits for the fetch in progress, or starts one. Interrupting the last waiting request interrupts the fetch. */
  private wait(): Effect.Effect<Redacted.Redacted, E> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(this.join(), (refresh) =>
        Effect.onExit(restore(Deferred.await(refresh.result)), () => this.leave(refresh))
      )
    )
  }

  private join(): Effect.Effect<Refresh<E>> {
    const running = this.refresh
    if (running !== undefined) {
      running.waiting++
      return Effect.succeed(running)
    }
    return Effect.flatMap(Deferred.make<Redacted.Redacted, E>(), (result) => {
      const refresh: Refresh<E> = { result, fiber: undefined, waiting: 1 }
      this.refresh = refresh
      // Runs in its own fiber, because the request that starts the fetch may be interrupted before others.
      const run = Effect.interruptible(
        Effect.flatMap(Fetching, (fetching) =>
          Effect.provideService(this.fetch, Fetching, new Set([...fetching, this]))
        )
      )
      return Effect.map(
        Effect.forkDaemon(
          Effect.flatMap(Effect.exit(run), (exit) =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => this.settle(refresh, exit, now))
          )
        ),
        (fiber) => {
          refresh.fiber = fiber
          return refresh
        }
      )
    })
  }

  private settle(
    refresh: Refresh<E>,
    exit: Exit.Exit<Redacted.Redacted | ExpiringToken, E>,
    now: number
  ): Effect.Effect<void> {
    if (this.refresh === refresh) this.refresh = undefined
    if (Exit.isFailure(exit)) return Deferred.failCause(refresh.result, exit.cause)
    this.current = knownToken(exit.value, now, this.refreshAhead)
    return Deferred.succeed(refresh.result, this.current.token)
  }

  private leave(refresh: Refresh<E>): Effect.Effect<void> {
    refresh.waiting--
    if (refresh.waiting > 0 || this.refresh !== refresh) return Effect.void
    this.refresh = undefined
    return refresh.fiber === undefined ? Effect.void : Fiber.interrupt(refresh.fiber)
  }
}

/** The origins that get the token. */
class Origins {
  private readonly allowed: ReadonlySet<string> | undefined
  private first: string | undefined = undefined

  constructor(origins: ReadonlyArray<string> | undefined) {
    this.allowed = origins === undefined ? undefined : new Set(origins.map(originKey))
  }

  has(request: PreparedRequest): boolean {
    const { key } = request.target.origin
    if (this.allowed !== undefined) return this.allowed.has(key)
    const base = request.defaults.base?.origin.key
    if (base !== undefined) return key === base
    this.first ??= key
    return key === this.first
  }
}

/** The origin of a URL in the form of `Origin.key`. */
const originKey = (text: string): string => {
  const target = parseTarget(text, false)
  if (!(target instanceof InvalidURL) && !target.websocket) return target.origin.key
  throw new TypeError(
    `Invalid option "bearerRefresh.origins": expected http or https origins, got ${JSON.stringify(redactUrl(text))}`
  )
}

/** Adds the Authorization header. Fails for an invalid token, or one that was wiped. */
const authorize = (request: PreparedRequest, token: Redacted.Redacted): Effect.Effect<PreparedRequest, ClientError> => {
  const value = Redacted.isRedacted(token)
    ? authorizationOf({ _tag: "Bearer", token })
    : Either.left(`expected a Redacted token, got ${kindOf(token)}`)
  return Either.isLeft(value)
    ? Effect.fail(middlewareError(request, "TokenRefresh", { description: value.left }))
    : Effect.succeed(setHeader(request, "Authorization", Redacted.make(value.right)))
}

/** Sends a request with the token, and once more with a new token after a 401. */
const send = <E>(
  request: PreparedRequest,
  next: Next,
  tokens: TokenState<E>
): Effect.Effect<ClientResponse, ClientError> => {
  const token = (refused: Redacted.Redacted | undefined): Effect.Effect<Redacted.Redacted, ClientError> =>
    Effect.catchAllCause(tokens.get(refused), (cause) => {
      const failure = Cause.failureOption(cause)
      if (failure._tag === "Some") {
        return Effect.fail(middlewareError(request, "TokenRefresh", { cause: failure.value }))
      }
      // A fetch that interrupts itself has failed. It must not interrupt the waiting requests.
      return Cause.isInterruptedOnly(cause)
        ? Effect.fail(middlewareError(request, "TokenRefresh", { description: "fetching the token was interrupted" }))
        : Effect.die(Cause.squash(cause))
    })
  return Effect.flatMap(token(undefined), (first) =>
    Effect.flatMap(Effect.flatMap(authorize(request, first), next), (response) => {
      if (response.status !== 401) return Effect.succeed(response)
      if (!isReplayable(request.body)) {
        tokens.forget(first)
        return Effect.succeed(response)
      }
      return response.release.pipe(
        Effect.zipRight(emitRetry(next, request, { reason: "TokenRefresh", delay: 0, response })),
        Effect.zipRight(token(first)),
        Effect.flatMap((second) => Effect.flatMap(authorize(request, second), next))
      )
    })
  )
}

export const bearerRefresh = <E, R>(options: {
  readonly token: Effect.Effect<Redacted.Redacted | ExpiringToken, E, R>
  readonly refreshAhead?: Duration.DurationInput | undefined
  readonly origins?: ReadonlyArray<string> | undefined
}): Effect.Effect<Middleware, never, R> =>
  Effect.map(currentServices<R>(), (context): Middleware => {
    if (!Effect.isEffect(options.token))
      throw new TypeError(`Invalid option "bearerRefresh.token": expected an Effect, got ${kindOf(options.token)}`)
    const ahead = Duration.toMillis(Duration.decode(options.refreshAhead ?? "30 seconds"))
    const tokens = new TokenState(Effect.provide(options.token, context), ahead)
    const origins = new Origins(options.origins)
    return addsCredentials((clientRequest, next) => {
      const request = preparedOf(clientRequest)
      if (hasCredentials(request) || !origins.has(request)) return next(request)
      return Effect.flatMap(Fetching, (fetching) =>
        fetching.has(tokens) ? next(request) : send(request, next, tokens)
      )
    }, "changing")
  })
