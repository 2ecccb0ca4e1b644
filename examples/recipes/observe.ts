import { FileSystem } from "@effect/platform"
import { Effect } from "effect"
import { ClientResponse, Har, Session, Tracing } from "effect-http-session"

/** The observed requests: three pages, two at a time. */
export const pages = (url: string) =>
  Effect.forEach(
    [1, 2, 3],
    (page) => Session.get(url, { params: { page }, urlTemplate: "/items" }).pipe(ClientResponse.text),
    { concurrency: 2 }
  ).pipe(Effect.withSpan("read all pages"))

/** Writes the requests of `self` as an HTML page and as a HAR file for the network panel of a browser. */
export const observed =
  (directory: string) =>
  <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const [value, signals] = yield* self.pipe(Har.record(`${directory}/requests.har`), Tracing.collect)
      yield* fs.writeFileString(`${directory}/requests.html`, Tracing.waterfallHtml(signals))
      return { value, waterfall: Tracing.waterfall(signals) }
    })

/** Records a client span per attempt, with its phases as child spans, and the metrics of OpenTelemetry. */
export const Observed = Session.layer({
  spans: { phases: true },
  traceConfigs: [Tracing.metrics()]
})
