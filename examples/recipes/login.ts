import { Console, Effect, Layer } from "effect"
import { ClientResponse, Connector, CookieJar, Session } from "effect-http-session"

/** A session that saves its cookies to a file that only its owner can read. Requires a `FileSystem`. */
export const remembering = (file: string, baseUrl: string) =>
  Session.layerWithoutDependencies({ baseUrl, raiseForStatus: true }).pipe(
    Layer.provide([Connector.layerTcp(), CookieJar.layerFile(file)])
  )

const login = (name: string, password: string) =>
  Session.post("login", { data: { name, password } }).pipe(
    ClientResponse.discard,
    Effect.tap(() => Console.log("logged in"))
  )

/** Logs in if the server rejects the request, because there is no cookie or it is no longer valid. */
export const orders = Session.get("orders").pipe(
  ClientResponse.json,
  Effect.catchIf(
    (error) => error._tag === "ClientResponseError" && error.status === 401,
    () => Effect.zipRight(login("ada", "pass"), Session.get("orders").pipe(ClientResponse.json))
  )
)
