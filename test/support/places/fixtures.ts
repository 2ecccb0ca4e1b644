/**
 * Servers and sessions with secrets, which the other files share.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Session from "effect-http-session/Session"
import * as planted from "../planted.js"
import * as Server from "../server.js"
import { response } from "../server.js"
import { sessionWith, site } from "../sites.js"

/** Values by name. */
export type Values = Record<string, unknown>

/** Options of a session with a secret in each. */
export const options: Session.SessionOptions = {
  headers: planted.headers,
  cookies: planted.cookies,
  auth: planted.basic
}

/** A server whose responses contain secrets. */
const talkative = site(() => response(200, "{}", ["Content-Type: application/json", ...planted.answerHeaders]))

export const temporary = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "inspection-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

/** A URL with secrets in its query but without credentials, because the options have them. */
export const at = (url: string): string => planted.signed(url).replace(/\/\/[^@]*@/, "//")

/** A server that sends a head with secrets and half of the body, and then stalls. */
export const halting = Effect.map(
  Server.always((peer) =>
    peer.request.pipe(
      Effect.zipRight(peer.send(response(200, "half", planted.answerHeaders).replace("Length: 4", "Length: 8"))),
      Effect.zipRight(Server.stall(peer))
    )
  ),
  (server) => ({ to: (name: string) => `http://${name}:${server.port}/` })
)

/** A connector, a session, and an unread response. */
export const inUse = Effect.gen(function* () {
  const server = yield* talkative
  const { connector, session } = yield* sessionWith({ ...options, baseUrl: server.to("a.test") })
  const opened = yield* session.get(at("/page"))
  return { connector, session, opened }
})

/** A session with secrets on a connector. */
export const sessionOn = (connector: Connector.ConnectorService) =>
  Effect.map(
    Session.make(options).pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
    ),
    (session) => ({ session })
  )
