/**
 * Options from Config: a whole session, its parts, and an invalid setting.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Config, ConfigProvider, Console, Effect, Layer, Schema } from "effect"
import { Auth, ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

const Live = Session.layerConfig({
  baseUrl: Config.string("API_URL"),
  auth: Config.map(Config.redacted("API_TOKEN"), Auth.bearer),
  timeout: Config.duration("API_TIMEOUT").pipe(Config.withDefault("30 seconds" as const)),
  connector: { limit: Config.integer("LIMIT").pipe(Config.withDefault(100)) },
  cookieJar: { unsafe: Config.succeed(true) }
})

/** The options of the parts, read separately. */
const Parts = Session.layerWithoutDependencies().pipe(
  Layer.provide([
    Connector.layerTcpConfig({ limit: Config.integer("LIMIT"), family: Config.literal(4, 6)("FAMILY") }),
    CookieJar.layerConfig({ treatAsSecureOrigin: Config.string("DEV_ORIGIN") })
  ])
)

const withSettings = (settings: Record<string, string>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(settings))))

const Echo = Schema.Struct({ headers: Schema.Struct({ authorization: Schema.optional(Schema.String) }) })

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()

  const { headers } = yield* Session.get("get").pipe(
    ClientResponse.schemaJson(Echo),
    Effect.provide(Live.pipe(Layer.provide(withSettings({ API_URL: `${url}/`, API_TOKEN: "s3cret" }))))
  )
  yield* Console.log("sent:          ", headers.authorization)

  const settings = withSettings({ LIMIT: "4", FAMILY: "4", DEV_ORIGIN: "http://localhost:3000" })
  const { status } = yield* Session.get(`${url}/get`).pipe(
    ClientResponse.discard,
    Effect.provide(Parts.pipe(Layer.provide(settings)))
  )
  yield* Console.log("parts:         ", status)

  const failing = (given: Record<string, string>) =>
    Session.get("get").pipe(
      ClientResponse.discard,
      Effect.provide(Live.pipe(Layer.provide(withSettings(given)))),
      Effect.flip
    )
  yield* Console.log("nothing there: ", String(yield* failing({})))
  yield* Console.log("a wrong limit: ", String(yield* failing({ API_URL: url, API_TOKEN: "s3cret", LIMIT: "-1" })))
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
