/**
 * Sessions on sockets that the test provides.
 */
import * as Net from "node:net"
import { Effect } from "effect"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Session from "effect-http-session/Session"
import type { TlsInfo } from "effect-http-session/Ssl"
import type { Dialer } from "../../../../src/internal/network/dial/dialer.js"
import { Network } from "../../../../src/internal/network/network.js"
import type { NetworkStream } from "../../../../src/internal/transport/networkStream.js"
import { makeHub } from "../../../../src/internal/transport/signalHub.js"
import { type OnRead, SlabReader } from "../../../../src/internal/transport/socketReader.js"
import { TransportHandle } from "../../../../src/internal/transport/transportHandle.js"

/** Makes a socket that connects. */
export type MakeSocket = (options: Net.TcpNetConnectOpts & { readonly onread: OnRead }) => Net.Socket

export interface DialerOptions {
  /** Called when a socket is passed to the session. */
  readonly ready?: (socket: Net.Socket, index: number) => Effect.Effect<void>
  /** Default: `Net.connect`. */
  readonly make?: MakeSocket
  /** Whether the connections report that they use TLS. */
  readonly tls?: boolean
}

const tlsInfo: TlsInfo = {
  protocol: "TLSv1.3",
  cipher: "none",
  alpn: undefined,
  resumed: false,
  certificate: undefined
}

/** Dials the server itself. */
export const dialer = (
  port: number,
  { make = Net.connect, ready = () => Effect.void, tls = false }: DialerOptions = {}
): Dialer => {
  let dialled = 0
  return {
    peerKey: () => "",
    clearDnsCache: () => Effect.void,
    dial: (_exchange, sockets) =>
      Effect.gen(function* () {
        const reader = new SlabReader()
        const socket = yield* Effect.async<Net.Socket>((resume) => {
          const socket = make({ port, host: "127.0.0.1", onread: reader.onread })
          sockets.add(socket)
          socket.on("error", () => {})
          socket.once("connect", () => resume(Effect.succeed(socket)))
        })
        yield* ready(socket, dialled++)
        const wire: NetworkStream = {
          socket,
          remoteAddress: "127.0.0.1",
          localAddress: undefined,
          tls: tls ? tlsInfo : undefined,
          failed: [],
          forward: false,
          protocol: "http/1.1",
          reader
        }
        return wire
      })
  }
}

/** A network that dials like this, and a session on it. */
export const networkOn = (dialer: Dialer) =>
  Effect.gen(function* () {
    const network = yield* Effect.acquireRelease(
      Effect.sync(() => new Network({}, dialer, makeHub())),
      (network) => network.close
    )
    const connector: Connector.ConnectorService = {
      ...(yield* Connector.tcp()),
      [Connector.TypeId]: new TransportHandle(network),
      stats: Effect.sync(() => network.stats()),
      close: network.close
    }
    const session = yield* Session.make().pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
    )
    return { network, session }
  })

export const sessionOn = (dialer: Dialer) => Effect.map(networkOn(dialer), ({ session }) => session)
