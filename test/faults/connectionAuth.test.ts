/**
 * Servers that authenticate a connection in place of a request, as NTLM and Negotiate do. The client does not support
 * that: `forceClose` keeps the next user from the rights of the previous one.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { itFault } from "../support/itFault.js"
import { answerNonces, type Play, response } from "../support/server.js"

/** A client that has sent credentials once stays authenticated while the connection is open. */
const remembers: Play = (peer) =>
  Effect.gen(function* () {
    let user = "nobody"
    for (let turn = 0; turn < 2; turn++) {
      const request = yield* peer.request
      if (request.target.startsWith("/nonce?")) {
        yield* peer.send(response(200, request.target.slice("/nonce?".length)))
        return yield* answerNonces(peer)
      }
      const credentials = request.header("authorization")
      if (credentials !== undefined) user = credentials
      yield* peer.send(response(200, user, ["WWW-Authenticate: Negotiate"]))
    }
  })

itFault(
  "forceClose never gives a request a connection that another request has authenticated",
  [remembers, remembers, remembers],
  (session, at) =>
    Effect.gen(function* () {
      const get = (headers: Record<string, string>) => session.get(`${at.url}/`, { headers }).pipe(ClientResponse.text)
      assert.strictEqual(yield* get({ authorization: "Negotiate one" }), "Negotiate one")
      assert.strictEqual(yield* get({}), "nobody")
      assert.strictEqual(yield* get({ authorization: "Negotiate two" }), "Negotiate two")
    }),
  undefined,
  { connector: { forceClose: true } }
)
