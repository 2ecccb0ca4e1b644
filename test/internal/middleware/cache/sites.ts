/**
 * Sessions with a cache in front of a mock.
 */
import { ConfigProvider, Effect, Layer, type Scope } from "effect"
import { type ClientRequest, ClientResponse, Connector, CookieJar, Session } from "effect-http-session"

export const url = "https://a.test/x"

export interface Site {
  readonly connector: Layer.Layer<Connector.Connector>
  readonly calls: () => number
}

export type Answer = (request: Connector.MockRequest, call: number) => Response

export const cacheable = (call: number, headers: Record<string, string> = {}): Response =>
  new Response(String(call), { headers: { "cache-control": "max-age=60", ...headers } })

/** One mock that all sessions of a test share. */
export const site = (answer: Answer = (_, call) => cacheable(call)): Effect.Effect<Site, never, Scope.Scope> =>
  Effect.gen(function* () {
    let calls = 0
    const context = yield* Layer.build(Connector.layerMock((request) => answer(request, ++calls)))
    return { connector: Layer.succeedContext(context), calls: () => calls }
  })

export interface Given {
  readonly session?: Session.SessionOptions
  readonly request?: ClientRequest.RequestOptions
  readonly url?: string
  readonly jar?: Layer.Layer<CookieJar.CookieJar>
  readonly env?: Record<string, string>
}

export const sessionOn = (
  { connector }: Site,
  given: Given
): Effect.Effect<Session.SessionService, never, Scope.Scope> =>
  Session.make(given.session ?? {}).pipe(
    Effect.provide(connector),
    Effect.provide(given.jar ?? CookieJar.layer()),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(given.env ?? {})))),
    Effect.orDie
  )

export const text = (session: Session.SessionService, given: Given) =>
  session.get(given.url ?? url, given.request).pipe(ClientResponse.text)
