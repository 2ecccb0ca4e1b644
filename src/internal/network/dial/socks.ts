/**
 * SOCKS4a and SOCKS5 (RFC 1928, RFC 1929), spoken by the `socks` package on a socket of ours.
 */
import type * as Net from "node:net"
import { Duplex } from "node:stream"
import type * as Effect from "effect/Effect"
import { SocksClient } from "socks"
import type { ProxyRoute } from "../../transport/transport.js"
import {
  type HandshakeContext,
  type HandshakeError,
  handshake,
  type Outcome,
  proxyError,
  type Talker
} from "./proxyHandshake.js"

/** Where the proxy is to connect to: an address, or a name for socks4a and socks5h. IPv6 without brackets. */
export interface SocksDestination {
  readonly host: string
  readonly port: number
}

/** What the client of `socks` has for a socket: it can neither touch the listeners of ours, nor resume or keep it. */
class Line extends Duplex {
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

/** By what the messages of `socks` end with or hold. */
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

class Client implements Talker {
  private readonly context: HandshakeContext
  private readonly proxy: ProxyRoute
  private readonly destination: SocksDestination
  private readonly outcome: Outcome
  private readonly line: Line
  private client: SocksClient | undefined = undefined
  private established = false
  private excess = false

  constructor(
    socket: Net.Socket,
    proxy: ProxyRoute,
    destination: SocksDestination,
    context: HandshakeContext,
    outcome: Outcome
  ) {
    this.context = context
    this.proxy = proxy
    this.destination = destination
    this.outcome = outcome
    this.line = new Line((bytes) => socket.write(bytes))
    // What is written to a line that was destroyed.
    this.line.on("error", () => {})
  }

  begin(): void {
    // A zone means something on this machine only.
    if (this.destination.host.includes("%")) {
      this.refused("AddressNotSupported: an address with a zone")
      return
    }
    try {
      this.client = this.connect()
    } catch {
      this.refused("the destination cannot be written in SOCKS")
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
      existing_socket: this.line
    })
    // The client would end the handshake by a timer of its own, whatever `timeout` says.
    Object.defineProperty(client, "onEstablishedTimeout", { value: () => {} })
    client.on("error", (error) => this.refused(error.message))
    client.on("established", () => this.onEstablished())
    client.connect(this.line)
    return client
  }

  onData(chunk: Buffer): void {
    if (this.established) {
      this.excess = true
      return
    }
    try {
      this.line.emit("data", chunk)
    } catch {
      this.refused("the proxy's reply cannot be read")
    }
  }

  onEnd(): void {
    const cause = new Error("the proxy closed the connection before its reply was complete")
    this.outcome.fail(proxyError(this.context, this.proxy, "Socks", "ECONNRESET", cause))
  }

  onStop(): void {
    this.client?.removeAllListeners()
    // It may fail later in a promise of its own.
    this.client?.on("error", () => {})
    this.line.destroy()
  }

  private onEstablished(): void {
    this.established = true
    this.line.on("data", () => {
      this.excess = true
    })
    // By then the client has handed out what came after the reply; its own call was queued before.
    setImmediate(() => {
      if (!this.excess) return this.outcome.succeed()
      const cause = new Error("bytes from the tunnel before a request was sent")
      this.outcome.fail(proxyError(this.context, this.proxy, "Socks", "EPROTO", cause))
    })
  }

  // The client's own error holds its options, and so the password.
  private refused(message: string): void {
    this.outcome.fail(proxyError(this.context, this.proxy, "Socks", codeOf(message), new Error(message)))
  }
}

/**
 * Asks a SOCKS proxy on `socket` for a connection to `destination`. The socket comes back paused and without
 * listeners, or is destroyed. It reads by "data" events and has to have been made so. For socks5 the host is an address
 * that was resolved here. SOCKS4a sends the name only, for it knows no password.
 */
export const socks = (
  socket: Net.Socket,
  proxy: ProxyRoute,
  destination: SocksDestination,
  context: HandshakeContext
): Effect.Effect<Net.Socket, HandshakeError> =>
  handshake(socket, proxy, context, (outcome) => new Client(socket, proxy, destination, context, outcome))
