/** The implementation of the Session service. */
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { ClientRequest, Method, RequestOptions, UrlInput } from "../../../ClientRequest.js"
import type { ConnectorService } from "../../../Connector.js"
import type { CookieJarService } from "../../../CookieJar.js"
import type { SessionOptions, SessionService, TypeId, Verb } from "../../../Session.js"
import type { Activity, ActivityOptions, Signal } from "../../../Tracing.js"
import type { UpgradeOptions } from "../../../Upgrade.js"
import type { WebSocketOptions } from "../../../WebSocket.js"
import { showAs } from "../../inspection.js"
import { onFirstUse } from "../../onFirstUse.js"
import { mergeSessionOptions } from "../../request/mergeOptions.js"
import type { Defaults } from "../../request/preparedRequest.js"
import { makeDefaults } from "../../request/sessionDefaults.js"
import { activityOf } from "../../tracing/activity.js"
import { bindConfigs } from "../../tracing/traceConfig.js"
import { bindCore } from "../middlewareChain.js"
import { type FindSession, type RequestContext, send, sendValue } from "../requestEffect.js"
import type { SessionCore } from "../sessionCore.js"
import { eventSource } from "./eventSource.js"
import { openUpgrade } from "./openUpgrade.js"
import { paginate } from "./paginate.js"
import { fromRequestValue } from "./requestValue.js"

const webSockets = onFirstUse(() => import("./openWebSocket.js"))

/** The key that every session has. */
export const typeId: TypeId = "~effect-http-session/Session"

/** A session on a core; `with` derives others on the same core. */
export class SessionImpl implements SessionService, RequestContext {
  // Prints no options, because many of them may contain secrets.
  static {
    showAs(SessionImpl, "Session", ({ core, defaults: { base } }) => ({
      id: core.id,
      ...(base === undefined ? undefined : { baseUrl: base.shownUrl })
    }))
  }

  readonly [typeId]: TypeId = typeId
  // Private names, because an enumeration of the session would show TypeScript's private fields.
  readonly #core: SessionCore
  readonly #defaults: Defaults
  readonly #given: SessionOptions
  readonly current: RequestContext["current"]
  readonly connector: ConnectorService
  readonly cookieJar: CookieJarService

  constructor(
    core: SessionCore,
    connector: ConnectorService,
    current: RequestContext["current"],
    given: SessionOptions
  ) {
    this.#core = core
    this.connector = connector
    this.current = current
    this.cookieJar = core.jarService
    this.#given = given
    this.#defaults = makeDefaults(given)
    bindCore(this.#defaults, core)
    bindConfigs(core, this.#defaults, this, given.traceConfigs)
  }

  get core(): SessionCore {
    return this.#core
  }
  get defaults(): Defaults {
    return this.#defaults
  }

  readonly #find = (): FindSession<never> => () => this
  readonly request = (method: Method, url: UrlInput, options?: RequestOptions) =>
    send<never>(this, method, url, options)
  readonly get: Verb = (url, options) => send<never>(this, "GET", url, options)
  readonly head: Verb = (url, options) => send<never>(this, "HEAD", url, options)
  readonly options: Verb = (url, options) => send<never>(this, "OPTIONS", url, options)
  readonly delete: Verb = (url, options) => send<never>(this, "DELETE", url, options)
  readonly post: Verb = (url, options) => send<never>(this, "POST", url, options)
  readonly put: Verb = (url, options) => send<never>(this, "PUT", url, options)
  readonly patch: Verb = (url, options) => send<never>(this, "PATCH", url, options)
  readonly execute = (request: HttpClientRequest | ClientRequest, options?: RequestOptions) =>
    sendValue<never>(this, fromRequestValue(request, options))
  readonly webSocket = (url: UrlInput, options?: WebSocketOptions) =>
    Effect.flatMap(webSockets.load, ({ openWebSocket }) => openWebSocket(this, url, options))
  readonly upgrade = (url: UrlInput, options: UpgradeOptions) => openUpgrade(this, url, options)
  readonly paginate: SessionService["paginate"] = (url, page, options = {}) => paginate(url, page, options, this.#find)
  readonly sse: SessionService["sse"] = (url, options = {}) =>
    eventSource((method, given) => this.request(method, url, given), options)
  readonly with = (options: SessionOptions): SessionService =>
    new SessionImpl(this.#core, this.connector, this.current, mergeSessionOptions(this.#given, options))

  get signals(): Stream.Stream<Signal> {
    return this.#core.hub.stream
  }

  readonly activity = (options?: ActivityOptions): Stream.Stream<Activity> =>
    activityOf(this.#core.hub, this.connector.stats, options?.interval)

  get close(): Effect.Effect<void> {
    return this.#core.close
  }
}
