/**
 * Trace configs, signals, archives, waterfalls and spans.
 */
import { inspect } from "node:util"
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect, Layer, Redacted } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Har from "effect-http-session/Har"
import * as Multipart from "effect-http-session/Multipart"
import * as Session from "effect-http-session/Session"
import * as Tracing from "effect-http-session/Tracing"
import * as planted from "../planted.js"
import { response } from "../server.js"
import { redirect, sessionWith, site } from "../sites.js"
import { watchedTracer } from "../tracers.js"
import { at, options } from "./fixtures.js"
import { platformRequest } from "./platform.js"

/** An archive, and its base64 content. */
const inBase64 = (archive: Har.Har) => {
  const text = JSON.stringify(archive)
  return [
    archive,
    ...[...text.matchAll(/"([\w+/=]{40,})"/g)].map(([, code = ""]) => Buffer.from(code, "base64").toString())
  ]
}

export const traces = Effect.gen(function* () {
  const home = yield* site(({ target }) =>
    target.startsWith("/end") ? response(200, "x", planted.answerHeaders) : redirect(307, at("/end"))
  )
  const config = Tracing.traceConfig({
    onRequestStart: (_session, _ctx, signal, editor) =>
      Effect.zipRight(
        editor.set("X-Edited", Redacted.make(planted.secret("edited"))),
        Effect.sync(() => void received.push(signal, editor))
      )
  })
  const received: Array<unknown> = []
  const { session } = yield* sessionWith({ ...options, traceConfigs: [config] })
  const data = Multipart.make([Multipart.part("password", planted.secret("part"))])
  const run = Effect.zipRight(
    session.post(at(home.to("a.test")), { data: planted.form }).pipe(ClientResponse.text),
    session.post(at(home.to("a.test")), { data }).pipe(ClientResponse.text)
  )
  const [, signals] = yield* Tracing.collect(run)
  const shown = signals.filter(({ _tag }) => _tag !== "RequestChunkSent" && _tag !== "ResponseChunkReceived")
  return {
    "a trace config": config,
    "a listener's arguments": received,
    signals: shown,
    "an archive": Har.fromSignals(signals),
    "an archive with bodies": inBase64(Har.fromSignals(signals, { maxBodySize: 4096 })),
    "a waterfall": Tracing.waterfall(signals)
  }
})

export const spans = Effect.gen(function* () {
  const home = yield* site(({ target }) =>
    target.startsWith("/end") ? response(500, "x", planted.answerHeaders) : redirect(307, at("/end"))
  )
  const made: Array<unknown> = []
  const names = ["authorization", "cookie", "x-api-key", "x-auth-token", "x-tenant", "x-functions-key"]
  const { session } = yield* sessionWith({
    ...options,
    spans: { phases: true, requestHeaders: names, responseHeaders: ["set-cookie", "x-auth-token", "location", "link"] }
  })
  const tracer = yield* Effect.tracer
  const asked = session.get(at(home.to("a.test")), { raiseForStatus: true }).pipe(ClientResponse.text, Effect.exit)
  const plain = yield* sessionWith()
  const client = yield* Effect.provide(
    HttpClient.HttpClient,
    Layer.provide(Session.layerHttpClient, Layer.succeed(Session.Session, plain.session))
  )
  const request = platformRequest(home.to("a.test"))
  const withoutUser = HttpClientRequest.setUrl(request, new URL(at(home.to("a.test", "/end"))))
  const platform = Effect.zipRight(Effect.exit(client.execute(request)), Effect.exit(client.execute(withoutUser)))
  yield* Effect.zipRight(asked, platform).pipe(
    Effect.withTracer(watchedTracer(tracer, (span) => made.push(span))),
    Effect.withSpan("test")
  )
  // Their times have no JSON.
  return { spans: inspect(made, { depth: Infinity, maxStringLength: null, maxArrayLength: null }) }
})
