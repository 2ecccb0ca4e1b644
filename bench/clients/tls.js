/** Clients over TLS. Each gets the PEM of the authority. */
import { decoder, ours } from "./effect.js"
import { floors } from "./floor.js"
import { undiciRequest } from "./promise.js"

export const clients = {
  "undici.request": (ca) => undiciRequest({ connect: { ca } }),
  ...floors((ca) => ({ ca })),
  // Without HTTP/2, because the other clients speak HTTP/1.1.
  "ours: decoder behind a verb": (ca) => ours(decoder, { ca, connector: { limit: 0, http2: false } })
}
