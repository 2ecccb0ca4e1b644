import { Effect, Option, Schema, Stream } from "effect"
import { type ClientResponse, Session } from "effect-http-session"

const Page = Schema.Struct({
  items: Schema.Array(Schema.Struct({ id: Schema.Number })),
  next: Schema.optionalWith(Schema.String, { as: "Option" })
})

const readPage = (response: ClientResponse.ClientResponse) => Effect.flatMap(response.json, Schema.decodeUnknown(Page))

/** Streams all items. Requests a page when the previous one has been consumed. */
export const items = (url: string) =>
  Session.paginate(url, readPage, {
    raiseForStatus: true,
    next: (page) => Option.map(page.next, (cursor) => `?cursor=${encodeURIComponent(cursor)}`)
  }).pipe(Stream.flatMap((page) => Stream.fromIterable(page.items)))

/** Streams the 250 newest items. */
export const newest = Stream.take(items("https://api.example/items"), 250)
