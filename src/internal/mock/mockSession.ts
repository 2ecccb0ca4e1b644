/** Builds a session from the members that a test provides. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Method, RequestOptions, UrlInput } from "../../ClientRequest.js"
import type { ConnectorService } from "../../Connector.js"
import type { CookieJarService } from "../../CookieJar.js"
import type { SessionService, TypeId, Verb } from "../../Session.js"
import { inspectable } from "../inspection.js"
import type { FindSession } from "../session/requestEffect.js"
import { eventSource } from "../session/service/eventSource.js"
import { paginate } from "../session/service/paginate.js"
import { typeId } from "../session/service/sessionImpl.js"

const missing = (name: string) => Effect.dieMessage(`Session.layerMock: ${name} was not given`)

/** The session. Verbs and `execute` use `request` if they are missing; any other missing member dies with its name. */
export const mockSession = (partial: Partial<Omit<SessionService, TypeId>>): SessionService => {
  const request: SessionService["request"] = partial.request ?? (() => missing("request"))
  const verb =
    (method: Method): Verb =>
    (url, options) =>
      request(method, url, options)
  const findMock =
    (url: UrlInput, options: RequestOptions): FindSession<never> =>
    () =>
      service.get(url, options)
  const service: SessionService = {
    ...inspectable("Session/Mock", () => ({ given: Object.keys(partial) })),
    [typeId]: typeId,
    request,
    get: verb("GET"),
    head: verb("HEAD"),
    options: verb("OPTIONS"),
    delete: verb("DELETE"),
    post: verb("POST"),
    put: verb("PUT"),
    patch: verb("PATCH"),
    execute: (value, options) => request(value.method, value.url, options),
    webSocket: () => missing("webSocket"),
    upgrade: () => missing("upgrade"),
    paginate: (url, page, options = {}) => paginate(url, page, options, findMock),
    sse: (url, options = {}) => eventSource((method, given) => service.request(method, url, given), options),
    with: () => service,
    get cookieJar(): CookieJarService {
      throw new Error("Session.layerMock: cookieJar was not given")
    },
    get connector(): ConnectorService {
      throw new Error("Session.layerMock: connector was not given")
    },
    signals: Stream.dieMessage("Session.layerMock: signals was not given"),
    activity: () => Stream.dieMessage("Session.layerMock: activity was not given"),
    close: Effect.void
  }
  // Not enumerable, because copying or printing all members must not call getters that throw.
  Object.defineProperties(service, { cookieJar: { enumerable: false }, connector: { enumerable: false } })
  return Object.defineProperties(service, Object.getOwnPropertyDescriptors(partial))
}
