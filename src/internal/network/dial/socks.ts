/**
 * The handshake of SOCKS4a and SOCKS5 (RFC 1928, RFC 1929). The `socks` package speaks the protocol on a given socket.
 */
import type * as Net from "node:net"
import { Duplex } from "node:stream"
import type * as Effect from "effect/Effect"
import { SocksClient } from "socks"
import type { ProxyRoute } from "../../transport/transport.js"
import {
  type HandshakeContext,
  type HandshakeError,
  type HandshakeProtocol,
  handshake,
  type Outcome,
  proxyError
} from "./proxyHandshake.js"

/** The host that the proxy connects to: an address, or a name for socks4a and socks5h. IPv6 without brackets. */
export interface SocksDestination {
  readonly host: string
  readonly port: number
}

/**
 * Replaces the socket for the `socks` client, so that it cannot change the listeners of the real one, resume or keep
 * it.
 */
class StandInSocket extends Duplex {
  private readonly send: (bytes: Buffer) => void

  constructor(send: (bytes: Buffer) => void) {
    super()
    this.send = send
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.send(bytes)
    done()
  }
}

/** Error codes by a part of the message of a `socks` error. */
const codes: ReadonlyArray<readonly [text: string, code: string]> = [
  ["NotAllowed", "EACCES"],
  ["NetworkUnreachable", "ENETUNREACH"],
  ["HostUnreachable", "EHOSTUNREACH"],
  ["ConnectionRefused", "ECONNREFUSED"],
  ["TTLExpired", "ETIMEDOUT"],
  ["CommandNotSupported", "EOPNOTSUPP"],
  ["AddressNotSupported", "EAFNOSUPPORT"],
  ["Authentication failed", "EACCES"],
  ["no accepted authentication type", "EACCES"],
  ["RejectedIdent", "EACCES"],
  ["(Rejected)", "ECONNREFUSED"],
  ["(Failed)", "ECONNREFUSED"],
  ["rejected connection - Failure", "ECONNREFUSED"]
]

const codeOf = (message: string): string => codes.find(([text]) => message.includes(text))?.[1] ?? "EPROTO"

class SocksHandshake implements HandshakeProtocol {
  private readonly context: HandshakeContext
  private readonly proxy: ProxyRoute
  private readonly destination: SocksDestination
  private readonly outcome: Outcome
  private readonly standIn: StandInSocket
  private client: SocksClient | undefined = undefined
  private established = false
  /** Whether the destination may send before the request. */
  private readonly speaksFirst: boolean
  /** Bytes after the reply, which belong to the tunnel. */
  private readonly rest: Array<Buffer> = []

  constructor(
    socket: Net.Socket,
    proxy: ProxyRoute,
    destination: SocksDestination,
    context: HandshakeContext,
    outcome: Outcome,
    speaksFirst: boolean
  ) {
    this.speaksFirst = speaksFirst
    this.context = context
    this.proxy = proxy
    this.destination = destination
    this.outcome = outcome
    this.standIn = new StandInSocket((bytes) => socket.write(bytes))
    // The client may write to its socket after the destruction, which emits an error.
    this.standIn.on("error", () => {})
  }

  begin(): void {
    // A zone is valid only on this machine.
    if (this.destination.host.includes("%")) {
      this.failWith("AddressNotSupported: expected a destination without a zone")
      return
    }
    try {
      this.client = this.connect()
    } catch {
      this.failWith("expected a destination that a SOCKS request can contain")
    }
  }

  private connect(): SocksClient {
    const { destination, proxy } = this
    const client = new SocksClient({
      command: "connect",
      destination: { host: destination.host, port: destination.port },
      proxy: {
        host: proxy.host,
        port: proxy.port,
        type: proxy.kind === "socks4a" ? 4 : 5,
        ...(proxy.user === undefined ? undefined : { userId: proxy.user }),
        ...(proxy.password === undefined ? undefined : { password: proxy.password })
      },
      existing_socket: this.standIn
    })
    // Disables the timer of the client, because `timeout.proxy` limits the handshake.
    Object.defineProperty(client, "onEstablishedTimeout", { value: () => {} })
    client.on("error", (error) => this.failWith(error.message))
    client.on("established", () => this.onEstablished())
    client.connect(this.standIn)
    return client
  }

  onData(chunk: Buffer): void {
    if (this.established) {
      this.rest.push(chunk)
      return
    }
    try {
      this.standIn.emit("data", chunk)
    } catch {
      this.failWith("expected a SOCKS reply, got other bytes")
    }
  }

  onEnd(): void {
    const cause = new Error("expected a complete SOCKS reply, got the end of the connection")
    this.outcome.fail(proxyError(this.context, this.proxy, "Socks", "ECONNRESET", cause))
  }

  onStop(): void {
    this.client?.removeAllListeners()
    // A pending promise of the client may still emit an error.
    this.client?.on("error", () => {})
    this.standIn.destroy()
  }

  private onEstablished(): void {
    this.established = true
    this.standIn.on("data", (bytes: Buffer) => this.rest.push(bytes))
    // The client emits bytes after the reply in a `setImmediate` that it queued before this one.
    setImmediate(() => {
      if (this.rest.length === 0 || this.speaksFirst) return this.outcome.succeed(Buffer.concat(this.rest))
      const cause = new Error("expected no bytes from the tunnel before the request")
      this.outcome.fail(proxyError(this.context, this.proxy, "Socks", "EPROTO", cause))
    })
  }

  // Uses only the message, because the error of the client contains its options, including the password.
  private failWith(message: string): void {
    this.outcome.fail(proxyError(this.context, this.proxy, "Socks", codeOf(message), new Error(message)))
  }
}

/**
 * Asks the SOCKS proxy on `socket` for a connection to `destination`. Returns the socket paused and without listeners,
 * or destroys it and fails. The socket must read by "data" events. For socks5, the host must be an address. SOCKS4a
 * sends only the user name, because it has no passwords. `speaksFirst` is true if the destination may send before the
 * request.
 */
export const socks = (
  socket: Net.Socket,
  proxy: ProxyRoute,
  destination: SocksDestination,
  context: HandshakeContext,
  speaksFirst = false
): Effect.Effect<Net.Socket, HandshakeError> =>
  handshake(
    socket,
    proxy,
    context,
    (outcome) => new SocksHandshake(socket, proxy, destination, context, outcome, speaksFirst)
  )
