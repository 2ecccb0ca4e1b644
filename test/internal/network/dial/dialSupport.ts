/**
 * Dialers and servers for tests of whole dials.
 */
import * as Tls from "node:tls"
import { assert } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { TcpOptions } from "../../../../src/Connector.js"
import { ClientConnectorDNSError, type ClientError } from "../../../../src/Errors.js"
import { makeTcpDialer } from "../../../../src/internal/network/dial/dialer.js"
import { type NetworkStream, Sockets } from "../../../../src/internal/transport/networkStream.js"
import * as Resolver from "../../../../src/Resolver.js"
import * as Ssl from "../../../../src/Ssl.js"
import { makeAuthority } from "../../../support/certificates.js"
import { type ExchangeOptions, makeExchange } from "./support.js"

export const resolverOf = (hosts: { readonly [host: string]: ReadonlyArray<string> }) =>
  Resolver.overrides(hosts, {
    resolve: (host) => Effect.fail(new ClientConnectorDNSError({ host, code: "ENOTFOUND", phase: "dns" }))
  })

/** Dials like the network, and closes all sockets with the Scope. */
export const setup = (options: TcpOptions = {}) =>
  Effect.map(makeTcpDialer(options, { resolver: options.resolver ?? Resolver.system }), (dialer) => ({
    dialer,
    dial: (given: ExchangeOptions) =>
      Effect.gen(function* () {
        const { exchange, phases } = yield* makeExchange(given)
        const sockets = new Sockets()
        yield* Effect.addFinalizer(() => Effect.sync(() => sockets.destroy()))
        const wire = yield* Effect.tapErrorCause(dialer.dial(exchange, sockets, "never"), () =>
          Effect.sync(() => sockets.destroy())
        )
        return { wire, phases }
      })
  }))

export const expectTag = <Tag extends ClientError["_tag"]>(
  error: ClientError,
  tag: Tag
): Extract<ClientError, { readonly _tag: Tag }> => {
  assert.strictEqual(error._tag, tag)
  return error as Extract<ClientError, { readonly _tag: Tag }>
}

export const firstBytes = (wire: NetworkStream) =>
  Effect.async<string>((resume) => {
    wire.reader.read((slab, start, end) => {
      resume(Effect.succeed(slab.toString("latin1", start, end)))
      return true
    })
  })

export const secureServer = (): Effect.Effect<
  { readonly port: number; readonly context: Tls.SecureContextOptions; readonly ssl: Ssl.Ssl },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const authority = yield* makeAuthority()
    const { cert, key } = yield* authority.issue({ names: ["a.test", "127.0.0.1"] })
    const ssl = yield* Effect.orDie(Ssl.context({ ca: authority.ca.cert }))
    const server = yield* Effect.acquireRelease(
      Effect.async<Tls.Server>((resume) => {
        const made = Tls.createServer({ cert, key }, (socket) => socket.on("error", () => {}))
        made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
      }),
      (made) => Effect.sync(() => made.close())
    )
    const bound = server.address()
    return { port: typeof bound === "object" && bound !== null ? bound.port : 0, context: { cert, key }, ssl }
  })
