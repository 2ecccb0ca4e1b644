/**
 * Sessions for tests.
 */
import { Effect, type Scope } from "effect"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Session from "effect-http-session/Session"

/** A session with its own connector and jar. */
export const sessionOn = (
  connectorOptions: Connector.TcpOptions = {},
  options: Session.SessionOptions = {}
): Effect.Effect<
  { readonly connector: Connector.ConnectorService; readonly session: Session.SessionService },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const connector = yield* Connector.tcp(connectorOptions)
    const session = yield* Session.make(options).pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
    )
    return { connector, session }
  })
