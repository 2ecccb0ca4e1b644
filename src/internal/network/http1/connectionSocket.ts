/** The socket of one connection: its events but for data, whether it keeps the process alive, and how it closes. */
import type * as Net from "node:net"
import type { ConnectionClosed } from "../../../Tracing.js"

/** The events of a socket. */
export interface SocketEvents {
  readonly onDrain: () => void
  readonly onEnd: () => void
  readonly onSocketError: (error: NodeJS.ErrnoException) => void
  readonly onClose: () => void
}

/** Reasons that are not failures. */
const orderly: ReadonlySet<ConnectionClosed["reason"]> = new Set([
  "ConnectionClose",
  "Deviation",
  "ForceClose",
  "IdleTimeout",
  "PeerClosed",
  "Retired",
  "Shutdown"
])

export class ConnectionSocket {
  private readonly socket: Net.Socket
  private readonly events: SocketEvents
  private readonly isTls: boolean
  private referenced = true

  constructor(socket: Net.Socket, events: SocketEvents, isTls: boolean) {
    this.socket = socket
    this.events = events
    this.isTls = isTls
    socket.on("drain", events.onDrain)
    socket.on("end", events.onEnd)
    socket.on("error", events.onSocketError)
    socket.on("close", events.onClose)
  }

  /** Lets the socket keep the process alive. */
  ref(): void {
    if (this.referenced) return
    this.referenced = true
    this.socket.ref()
  }

  /** Lets the process end although the socket is open. */
  unref(): void {
    if (!this.referenced) return
    this.referenced = false
    this.socket.unref()
  }

  /**
   * Closes the socket. A TLS peer gets close_notify, unless the end is a failure or the request was not sent
   * completely.
   */
  close(reason: ConnectionClosed["reason"], sent: boolean): void {
    if (this.isTls && sent && orderly.has(reason)) this.socket.destroySoon()
    else this.socket.destroy()
  }

  /** Removes the listeners of the connection, because the socket gets another owner. */
  release(): void {
    const { events, socket } = this
    socket.off("drain", events.onDrain)
    socket.off("end", events.onEnd)
    socket.off("error", events.onSocketError)
    socket.off("close", events.onClose)
    // An error before the new owner listens must not crash the process.
    socket.on("error", () => {})
  }
}
