import { Context, Effect, Layer, type Redacted, Schema } from "effect"
import { Auth, ClientResponse, type Connector, Session, Testing } from "effect-http-session"

export class Issue extends Schema.Class<Issue>("Issue")({ number: Schema.Number, title: Schema.String }) {}

const make = Effect.gen(function* () {
  const session = yield* Session.Session
  return {
    issue: (number: number) =>
      session.get(`issues/${number}`, { urlTemplate: "issues/{number}" }).pipe(ClientResponse.schemaJson(Issue)),
    close: (number: number) =>
      session.patch(`issues/${number}`, { json: { state: "closed" } }).pipe(ClientResponse.discard)
  }
})

export class Issues extends Context.Tag("Issues")<Issues, Effect.Effect.Success<typeof make>>() {
  /** The live implementation, on any session. */
  static readonly layer = Layer.effect(Issues, make)

  static readonly live = (token: Redacted.Redacted, baseUrl = "https://api.example/v1/") =>
    Issues.layer.pipe(
      Layer.provide(Session.layer({ baseUrl, auth: Auth.bearer(token), raiseForStatus: true, timeout: "10 seconds" }))
    )

  /** Replaces the network for tests; URLs, headers, statuses and decoders work as usual. */
  static readonly mock = (handler: Connector.MockHandler) =>
    Issues.layer.pipe(
      Layer.provideMerge(Testing.layer(handler, { baseUrl: "https://api.example/v1/", raiseForStatus: true }))
    )
}

/** A program that uses the service, and does not know HTTP and tokens. */
export const closeIfDone = (number: number) =>
  Effect.gen(function* () {
    const issues = yield* Issues
    const issue = yield* issues.issue(number)
    if (!issue.title.startsWith("Done: ")) return false
    yield* issues.close(number)
    return true
  })
