/**
 * A session on a connector of Connector.layerMock.
 */
import { Layer, type Scope } from "effect"
import * as Connector from "../../src/Connector.js"
import * as CookieJar from "../../src/CookieJar.js"
import * as Session from "../../src/Session.js"

export const url = "https://api.example/"

/** A session over a handler, and the requests that the handler received. */
export const sessionOver = <R = never>(
  handler: Connector.MockHandler<R>,
  options?: Session.SessionOptions
): Layer.Layer<Session.Session | Connector.MockCalls, never, Exclude<R, Scope.Scope>> =>
  Session.layerWithoutDependencies(options).pipe(
    Layer.provide(CookieJar.layer()),
    Layer.provideMerge(Connector.layerMock(handler))
  )
