/**
 * Middlewares, and sessions that use them.
 */
import { KeyValueStore } from "@effect/platform"
import { Effect, Layer, Option, Redacted } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Middleware from "effect-http-session/Middleware"
import * as planted from "../planted.js"
import { response } from "../server.js"
import { sessionWith, site } from "../sites.js"
import { at } from "./fixtures.js"

export const middlewares = Effect.gen(function* () {
  const server = yield* site(({ header, target }) =>
    target.startsWith("/digest") && header("authorization") === undefined
      ? response(401, "", ['WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess'])
      : response(200, "x", ["Cache-Control: max-age=60", ...planted.answerHeaders])
  )
  const digest = yield* Middleware.digest(planted.basic)
  const bearer = yield* Middleware.bearerRefresh({ token: Effect.succeed(Redacted.make(planted.secret("token"))) })
  const stored = new Map<string, string>()
  const cache = yield* Effect.provide(
    Middleware.cache(),
    Layer.succeed(KeyValueStore.KeyValueStore, memoryStore(stored))
  )
  const { session } = yield* sessionWith({ middlewares: [cache, digest] })
  const other = yield* sessionWith({ middlewares: [bearer] })
  yield* session.get(at(server.to("a.test", "/digest"))).pipe(ClientResponse.text)
  yield* other.session.get(at(server.to("a.test"))).pipe(ClientResponse.text)
  return {
    "the middleware of Digest": digest,
    "the middleware of bearer tokens": bearer,
    "the middleware of the cache": cache,
    "the keys of a cache's store": [...stored.keys()],
    "a session with Digest": session,
    "a session with bearer tokens": other.session
  }
})

const memoryStore = (stored: Map<string, string>): KeyValueStore.KeyValueStore =>
  KeyValueStore.makeStringOnly({
    get: (key) => Effect.sync(() => Option.fromNullable(stored.get(key))),
    set: (key, value) => Effect.sync(() => void stored.set(key, value)),
    remove: (key) => Effect.sync(() => void stored.delete(key)),
    clear: Effect.sync(() => stored.clear()),
    size: Effect.sync(() => stored.size)
  })
