import { Option } from "effect"
import { ClientRequest, ClientResponse, Session } from "effect-http-session"

export const copy = (from: string, to: string) =>
  Session.get(from, { raiseForStatus: true, timeout: { total: Infinity, body: "30 seconds" } }).pipe(
    ClientResponse.use((source) => {
      // Content-Length is the number of encoded bytes; the stream emits decoded bytes.
      const isEncoded = Option.isSome(source.header("content-encoding"))
      const length = isEncoded ? undefined : Option.getOrUndefined(source.header("content-length"))
      return Session.put(to, {
        data: ClientRequest.oneShot(source.stream),
        headers: { "content-type": source.contentType, "content-length": length },
        raiseForStatus: true,
        timeout: { total: Infinity, send: "30 seconds" }
      }).pipe(ClientResponse.discard)
    })
  )
