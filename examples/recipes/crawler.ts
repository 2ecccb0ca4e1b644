import { Console, Effect, Layer, Option, Ref, Stream } from "effect"
import { ClientResponse, Connector, Errors, Middleware, Session } from "effect-http-session"

const linksOf = (html: string, base: string): ReadonlyArray<URL> =>
  [...html.matchAll(/<a\s[^>]*href="([^"#]+)/gi)].flatMap(([, href = ""]) =>
    URL.canParse(href, base) ? [new URL(href, base)] : []
  )

const visit = (url: URL) =>
  Session.get(url, { raiseForStatus: true, maxBodySize: 2_000_000 }).pipe(
    ClientResponse.use((response) =>
      response.contentType === "text/html"
        ? Effect.map(response.text, (html) => linksOf(html, response.url))
        : Effect.succeed([])
    ),
    Effect.tap(() => Console.log(url.href)),
    Effect.catchIf(Errors.isClientError, (error) => Effect.as(Console.error(error.message), []))
  )

/** Visits the pages of one origin, level by level, and returns their number. */
export const crawl = (start: URL) =>
  Effect.gen(function* () {
    const seen = yield* Ref.make<ReadonlySet<string>>(new Set([start.href]))
    /** The links of a level that earlier levels did not have. */
    const unseen = (links: ReadonlyArray<URL>) =>
      Ref.modify(seen, (before) => {
        const after = new Set(before)
        const found = links.filter(({ href, origin }) => origin === start.origin && after.size < after.add(href).size)
        return [found, after] as const
      })
    return yield* Stream.paginateEffect<ReadonlyArray<URL>, ReadonlyArray<URL>, never, Session.Session>(
      [start],
      (level) =>
        Effect.forEach(level, visit, { concurrency: 8 }).pipe(
          Effect.flatMap((links) => unseen(links.flat())),
          Effect.map((next) => [level, next.length === 0 ? Option.none() : Option.some(next)] as const)
        )
    ).pipe(
      Stream.take(5),
      Stream.runFold(0, (pages, level) => pages + level.length)
    )
  })

/** Sends at most ten requests per second. The policy keeps links of pages from reaching your own network. */
export const polite = (addressPolicy: Connector.AddressPolicy = { deny: Connector.ranges.special }) =>
  Layer.unwrapScoped(
    Effect.map(Middleware.rateLimit({ limit: 10, interval: "1 second" }), (limited) =>
      Session.layer({
        headers: { "user-agent": "example-crawler (+https://example.com/crawler)" },
        middlewares: [Middleware.retry(), limited],
        timeout: "20 seconds",
        connector: { limitPerHost: 8, addressPolicy }
      })
    )
  )

export const main = crawl(new URL("https://example.com/")).pipe(
  Effect.tap((pages) => Console.log(`${pages} pages`)),
  Effect.onInterrupt(() => Console.log("stopped")),
  Effect.provide(polite())
)
