/**
 * Happy Eyeballs (RFC 8305, section 5): tries the addresses of a host in a staggered race and keeps the first socket
 * that connects.
 */
import * as Net from "node:net"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { FailedAddress } from "../../../Errors.js"
import type { Address } from "../../../Resolver.js"
import { cancellable } from "../../effect/callback.js"
import { errorCode } from "../../errorCode.js"
import type { Deadline, Deadlines } from "../../transport/deadlines.js"
import type { Sockets } from "../../transport/networkStream.js"
import { SlabReader, type SocketReader } from "../../transport/socketReader.js"

/** How to connect. Durations are in milliseconds; `Infinity` disables them. */
export interface ConnectOptions {
  readonly port: number
  /** The time until the next address is tried in parallel with the current attempt. */
  readonly delay: number
  /** The time limit of one attempt. */
  readonly limit: number
  readonly localAddress: string | undefined
  readonly noDelay: boolean
  readonly keepAlive: number
  /** Whether the socket reads into the shared slab, as for plain HTTP. Otherwise it is paused and emits "data". */
  readonly slab: boolean
  readonly deadlines: Deadlines
  readonly sockets: Sockets
}

/** The socket that won. */
export interface Connected {
  readonly socket: Net.Socket
  /** Present with `slab`. */
  readonly reader: SocketReader | undefined
  readonly address: string
  readonly failed: ReadonlyArray<FailedAddress>
}

/** The failures of all addresses. */
export interface ConnectFailure {
  readonly failed: ReadonlyArray<FailedAddress>
  /** The code of the last attempt. */
  readonly code: string
  readonly cause: unknown
  /** Whether every attempt ended by `limit`. */
  readonly timedOut: boolean
}

/** A class rather than an object literal, like `Winner`, for the reason that `TracedRequest` gives. */
class Attempt {
  readonly address: string
  readonly socket: Net.Socket
  readonly reader: SocketReader | undefined
  readonly deadline: Deadline

  constructor(address: string, socket: Net.Socket, reader: SocketReader | undefined, deadline: Deadline) {
    this.address = address
    this.socket = socket
    this.reader = reader
    this.deadline = deadline
  }
}

class Winner implements Connected {
  readonly socket: Net.Socket
  readonly reader: SocketReader | undefined
  readonly address: string
  readonly failed: ReadonlyArray<FailedAddress>

  constructor({ address, reader, socket }: Attempt, failed: ReadonlyArray<FailedAddress>) {
    this.socket = socket
    this.reader = reader
    this.address = address
    this.failed = failed
  }
}

/**
 * Adds an error listener that does nothing. If a socket fails between two owners, an unhandled "error" event would end
 * the process. The next owner finds the socket destroyed.
 */
export const ignoreErrors = (socket: Net.Socket): void => {
  socket.on("error", noop)
}

const noop = () => {}

/** The code of a Node error. */
export const codeOf = (cause: unknown): string => errorCode(cause) ?? "EUNKNOWN"

class Race {
  private readonly addresses: ReadonlyArray<Address>
  private readonly options: ConnectOptions
  private readonly resume: (effect: Effect.Effect<Connected, ConnectFailure>) => void
  private readonly attempts = new Set<Attempt>()
  private readonly failed: Array<FailedAddress> = []
  private stagger: Deadline | undefined = undefined
  private nextIndex = 0
  private timeouts = 0
  private cause: unknown = undefined
  private ended = false

  constructor(
    addresses: ReadonlyArray<Address>,
    options: ConnectOptions,
    resume: (effect: Effect.Effect<Connected, ConnectFailure>) => void
  ) {
    this.addresses = addresses
    this.options = options
    this.resume = resume
  }

  /** Tries the next address and schedules the one after it. Loops, because synchronous failures would recurse. */
  advance(): void {
    this.stagger?.cancel()
    this.stagger = undefined
    while (!this.ended) {
      const address = this.addresses[this.nextIndex]
      if (address === undefined) break
      this.nextIndex += 1
      if (!this.open(address.address)) continue
      const { deadlines, delay } = this.options
      if (delay <= 0) continue
      if (this.nextIndex < this.addresses.length) {
        this.stagger = deadlines.schedule(deadlines.now() + delay, () => this.advance())
      }
      return
    }
    if (!this.ended && this.attempts.size === 0) this.lose()
  }

  stop(): void {
    this.ended = true
    this.stagger?.cancel()
    for (const attempt of this.attempts) {
      attempt.deadline.cancel()
      attempt.socket.destroy()
    }
    this.attempts.clear()
  }

  private open(address: string): boolean {
    const { deadlines, keepAlive, limit, localAddress, noDelay, port, slab, sockets } = this.options
    const reader = slab ? new SlabReader() : undefined
    const connectOptions: Net.TcpNetConnectOpts = {
      host: address,
      port,
      noDelay,
      autoSelectFamily: false,
      ...(keepAlive === Infinity ? {} : { keepAlive: true, keepAliveInitialDelay: keepAlive }),
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(reader === undefined ? {} : { onread: reader.onread })
    }
    const socket = new Net.Socket(connectOptions)
    try {
      socket.connect(connectOptions)
    } catch (cause) {
      // Node creates a handle before it rejects an option. The handle would leak.
      socket.destroy()
      this.recordFailure(address, codeOf(cause), cause)
      return false
    }
    reader?.attach(socket)
    sockets.add(socket)
    ignoreErrors(socket)
    if (!slab) socket.pause()
    const deadline = deadlines.schedule(deadlines.now() + limit, () => {
      this.timeouts += 1
      this.fail(attempt, "ETIMEDOUT", undefined)
    })
    const attempt = new Attempt(address, socket, reader, deadline)
    this.attempts.add(attempt)
    socket.once("connect", () => this.win(attempt))
    socket.once("error", (cause) => this.fail(attempt, codeOf(cause), cause))
    return true
  }

  private recordFailure(address: string, code: string, cause: unknown): void {
    this.failed.push({ address, port: this.options.port, code })
    this.cause = cause
  }

  private fail(attempt: Attempt, code: string, cause: unknown): void {
    if (!this.attempts.delete(attempt)) return
    attempt.deadline.cancel()
    attempt.socket.destroy()
    this.recordFailure(attempt.address, code, cause)
    this.advance()
  }

  private win(attempt: Attempt): void {
    if (!this.attempts.delete(attempt)) return
    attempt.deadline.cancel()
    const { socket } = attempt
    socket.removeAllListeners("connect").removeAllListeners("error")
    ignoreErrors(socket)
    this.stop()
    this.resume(Effect.succeed(new Winner(attempt, this.failed)))
  }

  private lose(): void {
    this.stop()
    this.resume(
      Effect.fail({
        failed: this.failed,
        code: this.failed.at(-1)?.code ?? "EUNKNOWN",
        cause: this.cause,
        timedOut: this.timeouts === this.failed.length
      })
    )
  }
}

/**
 * Connects to the first address that answers. Tries the next address at once after a failure, and after `delay` in
 * parallel with an attempt without an answer. Closes all other sockets, and all of them on interruption.
 */
export const connect = (
  addresses: Arr.NonEmptyReadonlyArray<Address>,
  options: ConnectOptions
): Effect.Effect<Connected, ConnectFailure> =>
  cancellable((resume) => {
    const race = new Race(addresses, options, resume)
    race.advance()
    return () => race.stop()
  })
