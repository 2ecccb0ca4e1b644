/**
 * Opens WebSockets on a session.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { UrlInput } from "../../ClientRequest.js"
import type { ClientError } from "../../Errors.js"
import type { WebSocket, WebSocketOptions } from "../../WebSocket.js"
import type { Opener } from "./verbs.js"

export const openWebSocket = (
  _opener: Opener,
  _url: UrlInput,
  _options: WebSocketOptions | undefined
): Effect.Effect<WebSocket, ClientError, Scope> => Effect.dieMessage("not yet")
