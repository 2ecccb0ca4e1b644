/**
 * Requests through a cache, and scripts of responses for it.
 */
import { KeyValueStore, Error as PlatformError } from "@effect/platform"
import { Effect, Either, Option } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import type * as Middleware from "effect-http-session/Middleware"
import { type Reply, request, type Script, script } from "../support.js"

export const broken = Effect.fail(
  new PlatformError.SystemError({
    module: "KeyValueStore",
    method: "any",
    reason: "Unknown",
    description: "it is broken"
  })
)

export type Headers = ReadonlyArray<readonly [string, string]>

/** The result of a request: status, body, and Age if it came from the cache. */
export interface Got {
  readonly status: number | string
  readonly body: string
  readonly age: string | undefined
}

export const memory = <A, E>(effect: Effect.Effect<A, E, KeyValueStore.KeyValueStore>) =>
  Effect.provide(effect, KeyValueStore.layerMemory)

export const get = (
  middleware: Middleware.Middleware,
  run: Script,
  options?: ClientRequest.RequestOptions,
  url = "http://a.test/",
  method = "GET"
): Effect.Effect<Got> =>
  Effect.gen(function* () {
    const result = yield* Effect.either(
      Effect.flatMap(middleware(yield* request(method, url, options), run.next), (response) =>
        Effect.map(response.text, (body) => ({
          status: response.status,
          body,
          age: Option.getOrUndefined(response.header("age"))
        }))
      )
    )
    return Either.isRight(result) ? result.right : { status: result.left._tag, body: "", age: undefined }
  })

export const reply = (body: string, headers: Headers, status = 200): Reply => ({ status, headers, body })

/** Responds with the number of the request as the body. */
export const counting = (headers: Headers, status = 200) =>
  script((_, index) => ({ status, headers, body: String(index + 1) }))

export const asks = (directive: string): ClientRequest.RequestOptions => ({ headers: { "Cache-Control": directive } })
