/** An open socket ready for HTTP: the result of dialing. */
import type * as Net from "node:net"
import type { ConnectionInfo } from "../../ClientResponse.js"
import type { TlsInfo } from "../../Ssl.js"
import type { SocketReader } from "./socketReader.js"

/** The protocol of a connection, by its name in ALPN (RFC 7301). */
export type Protocol = "http/1.1" | "h2"

/** Whether a dial may, or must, open a connection of HTTP/2. */
export type Http2Offer = "never" | "allowed" | "required"

/** A socket and its facts. Reading starts when its owner calls `reader.read`. */
export interface NetworkStream {
  readonly socket: Net.Socket
  readonly remoteAddress: string
  readonly localAddress: string | undefined
  /** The TLS connection with the origin, never that with a proxy. */
  readonly tls: TlsInfo | undefined
  /** The addresses to which connecting failed before. */
  readonly failed: ReadonlyArray<{ readonly address: string; readonly port: number; readonly code: string }>
  /** Whether the socket leads to a proxy that forwards requests in absolute form. */
  readonly forward: boolean
  /** The protocol that ALPN selected or, without TLS, that the client chose. */
  readonly protocol: Protocol
  readonly reader: SocketReader
}

/** The part of a response that describes its connection. */
export const infoOf = (
  id: number,
  reused: boolean,
  wire: NetworkStream,
  protocol: "http/1.1" | "h2"
): ConnectionInfo => ({
  id,
  reused,
  remoteAddress: wire.remoteAddress,
  localAddress: wire.localAddress,
  tls: wire.tls,
  protocol
})

/** The sockets of one connection attempt. All but the adopted one are destroyed. */
export class Sockets {
  private readonly all = new Set<Net.Socket>()
  private readonly onSocket: ((socket: Net.Socket) => void) | undefined

  /** `onSocket` is called with each socket. */
  constructor(onSocket?: (socket: Net.Socket) => void) {
    this.onSocket = onSocket
  }

  /** Call in the same step that creates the socket. */
  add(socket: Net.Socket): void {
    this.onSocket?.(socket)
    const { all } = this
    all.add(socket)
    // The listener refers only to the set. With `onSocket`, it would retain the request that dialed.
    socket.once("close", () => all.delete(socket))
  }

  destroy(): void {
    for (const socket of this.all) socket.destroy()
    this.all.clear()
  }
}
