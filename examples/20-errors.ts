/**
 * Errors: one union, caught by tag, by several tags, or by group; retried if that is safe.
 */
import { createServer } from "node:net"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect, Match } from "effect"
import { ClientResponse, Errors, Resolver, Session, Testing } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

/** A port without a listener. */
const closedPort = Effect.async<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** Returns a message for each error. */
const explain = (error: Errors.ClientError): string =>
  Match.value(error).pipe(
    Match.tag("InvalidURL", (e) => `${e.reason}: ${e.description}`),
    Match.tag("ClientConnectorDNSError", (e) => `${e.host} has no address (${e.code})`),
    Match.tag("ClientConnectorError", (e) => `${e.addresses?.map((a) => a.code).join(", ")}`),
    Match.tag("ClientResponseError", (e) => `${e.status}, "${e.body}"`),
    Match.tag("ClientPayloadError", (e) => `${e.reason}, ${e.received} of ${e.expected} bytes`),
    Match.when(Errors.isServerTimeoutError, (e) => `${e.timeout} of ${Duration.format(e.limit)}, while in ${e.phase}`),
    Match.orElse((e) => e.message)
  )

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  const cut = yield* Testing.server([
    [
      { _tag: "Expect", what: "head" },
      { _tag: "Send", data: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345" },
      { _tag: "Reset" }
    ]
  ])
  const failures: ReadonlyArray<Effect.Effect<unknown, Errors.ClientError, Session.Session>> = [
    ClientResponse.text(Session.get("htp://example.com")),
    ClientResponse.text(Session.get("http://nowhere.test/")),
    ClientResponse.text(Session.get(`http://127.0.0.1:${yield* closedPort}/`)),
    ClientResponse.text(Session.get(`${url}/status/503`, { raiseForStatus: true })),
    ClientResponse.text(Session.get(`${url}/delay/500`, { timeout: "20 millis" })),
    ClientResponse.text(Session.get(`${url}/redirect/5`, { maxRedirects: 3 })),
    ClientResponse.text(Session.get(cut.url)),
    ClientResponse.json(Session.get(`${url}/text`)),
    ClientResponse.json(Session.post(`${url}/post`, { json: {}, text: "" }))
  ]
  for (const failure of failures) {
    const error = yield* Effect.flip(failure)
    const again = Errors.isRetryable(error) ? "retryable" : "not retryable"
    yield* Console.log(`${error._tag} (${again})\n    ${explain(error)}`)
  }

  // By tag: the type no longer contains the caught error.
  yield* Session.get(`${url}/delay/500`, { timeout: { headers: "20 millis" } }).pipe(
    ClientResponse.text,
    Effect.catchTags({
      SocketTimeoutError: (error) => Console.log(`caught by tag: ${error.timeout}`),
      ConnectionTimeoutError: (error) => Console.log(`caught by tag: ${error.timeout}`)
    })
  )

  // By group.
  yield* Session.get(`http://127.0.0.1:${yield* closedPort}/`).pipe(
    ClientResponse.text,
    Effect.catchIf(Errors.isClientConnectionError, (error) => Console.log(`caught by group: ${error._tag}`))
  )

  // The second attempt succeeds.
  const flaky = yield* Testing.server([
    [{ _tag: "Expect", what: "head" }, { _tag: "Reset" }],
    [
      { _tag: "Expect", what: "head" },
      { _tag: "Send", data: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine" }
    ]
  ])
  const text = yield* Session.get(flaky.url).pipe(
    ClientResponse.text,
    Effect.tapError((error) => Console.log(`first: ${error._tag}`)),
    Effect.retry({ while: Errors.isRetryable, times: 2 })
  )
  yield* Console.log(`then: ${text}`)

  // Secrets are not shown.
  const secret = yield* Effect.flip(
    ClientResponse.text(Session.get(`${url}/status/403?access_token=s3cret`, { raiseForStatus: true }))
  )
  yield* Console.log(secret.message)
}).pipe(
  Effect.scoped,
  Effect.provide(Session.layer({ connector: { resolver: Resolver.overrides({ "nowhere.test": [] }) } }))
)

NodeRuntime.runMain(program)
