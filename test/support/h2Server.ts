/**
 * A scripted server of HTTP/2: raw frames, valid or not, over TLS with ALPN "h2" or over plain TCP.
 *
 * A connection reads all frames as they come, and a script takes those it wants, in any order. By itself it only does
 * what keeps a client going (`automatic`): it acknowledges SETTINGS and PINGs and gives back windows.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { cancellable } from "../../src/internal/effect/callback.js"
import { type FaultConnection, serve } from "../../src/internal/testing/faultServer.js"
import type { TestServer } from "../../src/Testing.js"
import { block, type Field, FieldDecoder, type ReadField } from "./h2Fields.js"
import * as Frames from "./h2Frames.js"
import type { LoggedRequest, Server } from "./server.js"

/** A request as the server has read it. */
export interface H2Request extends LoggedRequest {
  readonly stream: number
  readonly scheme: string
  readonly authority: string
  /** Pseudo-headers too, and how each was written. */
  readonly fields: ReadonlyArray<ReadField>
  /** Fields after the body. */
  trailers: ReadonlyArray<Field>
  /** Whether END_STREAM came. */
  ended: boolean
  /** The code of the client's RST_STREAM. */
  resetCode: number | undefined
}

/** A connection. Its waits are interrupted when the client closes. */
export interface H2Peer extends FaultConnection {
  /** All frames so far, with those that were taken. */
  readonly frames: ReadonlyArray<Frames.Frame>
  /** Requests so far, in the order of their heads. */
  readonly requests: ReadonlyArray<H2Request>
  /** Takes the first frame for which this holds and that was not taken before, now or later. */
  readonly take: (match: (frame: Frames.Frame) => boolean) => Effect.Effect<Frames.Frame>
  /** Takes a frame of this type, of any or of one stream. */
  readonly frame: (type: keyof typeof Frames.Type, stream?: number) => Effect.Effect<Frames.Frame>
  /** Takes the next request once its head has arrived. Its body may follow. */
  readonly head: Effect.Effect<H2Request>
  /** Takes the next request and waits for its end. */
  readonly request: Effect.Effect<H2Request>
  /** Waits for the end of a request's body. */
  readonly ended: (request: H2Request) => Effect.Effect<void>
  /** Waits until a condition on the frames and requests holds, looking at every frame. */
  readonly until: (condition: () => boolean) => Effect.Effect<void>
  /** Whether the script has sent anything. The automatic answers wait for that. */
  readonly hasSent: () => boolean
  /** The automatic answers of the connection. All are on at first. */
  readonly automatic: {
    /** Acknowledges SETTINGS. */
    settings: boolean
    /** Answers PING. */
    ping: boolean
    /** Refills the windows of DATA. */
    windows: boolean
  }
}

export type H2Play = (peer: H2Peer) => Effect.Effect<void>

export interface H2Server extends Server {
  readonly requests: Effect.Effect<ReadonlyArray<H2Request>>
  /** The connections so far, also those that are closed. */
  readonly peers: ReadonlyArray<H2Peer>
}

export interface H2ServerOptions {
  /** Over TLS, with these protocols by ALPN; default ["h2"]. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly alpn?: ReadonlyArray<string> } | undefined
}

/** The frames and requests that a connection has received. */
class Received {
  readonly frames: Array<Frames.Frame> = []
  readonly requests: Array<H2Request> = []
  readonly taken = new Set<Frames.Frame>()
  readonly takenRequests = new Set<H2Request>()
  readonly waiting = new Set<() => void>()
  readonly decoder = new FieldDecoder()
  private rest: Buffer = Buffer.alloc(0)
  private prefaced = false
  private block: { readonly stream: number; readonly endStream: boolean; readonly pieces: Array<Buffer> } | undefined
  private readonly connection: number
  private readonly log: Array<H2Request>

  constructor(connection: number, log: Array<H2Request>) {
    this.connection = connection
    this.log = log
  }

  /** Returns the whole frames that these bytes complete. */
  push(chunk: Uint8Array): ReadonlyArray<Frames.Frame> {
    this.rest = Buffer.concat([this.rest, chunk])
    if (!this.prefaced) {
      const size = Frames.clientPreface.length
      if (this.rest.length < size) return []
      const preface = this.rest.toString("latin1", 0, size)
      if (preface !== Frames.clientPreface) throw new Error(`expected the preface, got ${JSON.stringify(preface)}`)
      this.prefaced = true
      this.rest = this.rest.subarray(size)
    }
    const out: Array<Frames.Frame> = []
    while (this.rest.length >= 9 && this.rest.length >= 9 + this.rest.readUIntBE(0, 3)) {
      const size = this.rest.readUIntBE(0, 3)
      const [type = 0, flags = 0] = this.rest.subarray(3, 5)
      const stream = this.rest.readUInt32BE(5) & 0x7fffffff
      const frame = { type, flags, stream, payload: this.rest.subarray(9, 9 + size) }
      this.rest = this.rest.subarray(9 + size)
      this.frames.push(frame)
      this.read(frame)
      out.push(frame)
    }
    return out
  }

  private read(frame: Frames.Frame): void {
    const request = this.requests.find(({ stream }) => stream === frame.stream)
    const { flags, stream, type } = frame
    if (type === Frames.Type.HEADERS) {
      this.block = { stream, endStream: (flags & Frames.Flag.END_STREAM) !== 0, pieces: [Frames.contentOf(frame)] }
    } else if (type === Frames.Type.CONTINUATION) this.block?.pieces.push(frame.payload)
    else if (request !== undefined && type === Frames.Type.DATA) {
      request.body += Frames.contentOf(frame).toString("latin1")
      if ((flags & Frames.Flag.END_STREAM) !== 0) request.ended = true
    } else if (request !== undefined && type === Frames.Type.RST_STREAM) request.resetCode = Frames.numberOf(frame)
    const hasBlock = type === Frames.Type.HEADERS || type === Frames.Type.CONTINUATION
    if (hasBlock && (flags & Frames.Flag.END_HEADERS) !== 0) this.endOfBlock(request)
  }

  private endOfBlock(request: H2Request | undefined): void {
    const block = this.block
    if (block === undefined) return
    this.block = undefined
    const fields = this.decoder.decode(Buffer.concat(block.pieces))
    if (request === undefined) {
      const made = requestOf(this.connection, block.stream, fields, block.endStream)
      this.requests.push(made)
      this.log.push(made)
    } else {
      request.trailers = fields.map(({ name, value }) => [name, value])
      request.ended ||= block.endStream
    }
  }
}

const requestOf = (connection: number, stream: number, fields: ReadonlyArray<ReadField>, ended: boolean): H2Request => {
  const first = (name: string) => fields.find((field) => field.name === name)?.value
  return {
    connection,
    stream,
    method: first(":method") ?? "",
    target: first(":path") ?? "",
    scheme: first(":scheme") ?? "",
    authority: first(":authority") ?? "",
    version: "HTTP/2",
    fields,
    headers: fields.filter(({ name }) => !name.startsWith(":")).map(({ name, value }) => [name, value]),
    header: (name) => first(name.toLowerCase()),
    body: "",
    trailers: [],
    ended,
    resetCode: undefined
  }
}

const peerOf = (connection: FaultConnection, log: Array<H2Request>): H2Peer => {
  const received = new Received(connection.index, log)
  const automatic = { settings: true, ping: true, windows: true }
  // The first frame must be the script's SETTINGS, so answers wait for it.
  let started = false
  const held: Array<Uint8Array> = []
  const write = (bytes: Uint8Array) => {
    if (!started) held.push(bytes)
    else if (!connection.socket.destroyed && !connection.socket.writableEnded) connection.socket.write(bytes)
  }
  const send = (bytes: string | Uint8Array) =>
    Effect.suspend(() => {
      if (started) return connection.send(bytes)
      started = true
      return connection.send(Buffer.concat([Buffer.from(bytes), ...held]))
    })
  const answer = (frame: Frames.Frame) => {
    const isAck = (frame.flags & Frames.Flag.ACK) !== 0
    if (frame.type === Frames.Type.SETTINGS && automatic.settings && !isAck) write(Frames.settingsAck)
    if (frame.type === Frames.Type.PING && automatic.ping && !isAck) write(Frames.ping(frame.payload, true))
    if (frame.type === Frames.Type.DATA && automatic.windows && frame.payload.length > 0) {
      write(Frames.windowUpdate(0, frame.payload.length))
      if (!isAck) write(Frames.windowUpdate(frame.stream, frame.payload.length))
    }
  }
  connection.socket.on("data", (chunk: Uint8Array) => {
    try {
      for (const frame of received.push(chunk)) answer(frame)
    } catch (error) {
      connection.socket.destroy(error instanceof Error ? error : undefined)
      throw error
    }
    for (const look of [...received.waiting]) look()
  })
  let ended = false
  connection.inbox.whenEnded(() => {
    ended = true
    for (const look of [...received.waiting]) look()
  })
  /** Waits for a value that `find` returns. */
  const wait = <A>(find: () => A | undefined): Effect.Effect<A> =>
    cancellable<A>((resume) => {
      const look = () => {
        const found = find()
        if (found === undefined && !ended) return
        received.waiting.delete(look)
        resume(found === undefined ? Effect.interrupt : Effect.succeed(found))
      }
      received.waiting.add(look)
      look()
      return () => received.waiting.delete(look)
    })
  const take = (match: (frame: Frames.Frame) => boolean) =>
    wait(() => {
      const found = received.frames.find((frame) => !received.taken.has(frame) && match(frame))
      if (found !== undefined) received.taken.add(found)
      return found
    })
  const head = wait(() => {
    const found = received.requests.find((request) => !received.takenRequests.has(request))
    if (found !== undefined) received.takenRequests.add(found)
    return found
  })
  const whenEnded = (request: H2Request) => Effect.asVoid(wait(() => (request.ended ? true : undefined)))
  return {
    ...connection,
    send,
    hasSent: () => started,
    frames: received.frames,
    requests: received.requests,
    automatic,
    take,
    frame: (type, stream) =>
      take((frame) => frame.type === Frames.Type[type] && (stream === undefined || frame.stream === stream)),
    head,
    request: Effect.tap(head, whenEnded),
    ended: whenEnded,
    until: (condition) => Effect.asVoid(wait(() => (condition() ? true : undefined)))
  }
}

/** Each connection runs its play; later ones answer `/nonce`, as does a connection after its play. */
export const h2Server = (
  plays: ReadonlyArray<H2Play>,
  options?: H2ServerOptions
): Effect.Effect<H2Server, never, Scope> =>
  serving((index) => {
    const play = plays[index] ?? (() => Effect.void)
    return (peer) => Effect.zipRight(play(peer), answerNonces(peer))
  }, options)

/** A server that runs the same play on every connection. */
export const h2Always = (play: H2Play, options?: H2ServerOptions): Effect.Effect<H2Server, never, Scope> =>
  serving(() => play, options)

const serving = (playOf: (index: number) => H2Play, options?: H2ServerOptions): Effect.Effect<H2Server, never, Scope> =>
  Effect.gen(function* () {
    const log: Array<H2Request> = []
    const peers: Array<H2Peer> = []
    const script = (index: number) => (connection: FaultConnection) => {
      // The listener for data must be there before the fiber of the script runs.
      const peer = peerOf(connection, log)
      peers.push(peer)
      return playOf(index)(peer)
    }
    const tls = options?.tls === undefined ? undefined : { alpn: ["h2"], ...options.tls }
    const inner: TestServer = yield* serve(script, { tls })
    return {
      ...inner,
      requests: Effect.sync(() => log.slice()),
      accepted: Effect.sync(() => peers.length),
      peers
    }
  })

/** The server's SETTINGS, unless the play has sent its own. Clients that wait for them get no answer otherwise. */
const prefaced: H2Play = (peer) => Effect.suspend(() => (peer.hasSent() ? Effect.void : peer.send(Frames.settings())))

/** Sends SETTINGS. */
export const handshake =
  (values: Frames.Settings = {}): H2Play =>
  (peer) =>
    peer.send(Frames.settings(values))

/** The frames of a whole response. */
export const response = (stream: number, status: number, body = "", fields: ReadonlyArray<string> = []): Buffer => {
  const head = block(":status", String(status), ...fields)
  return body === ""
    ? Frames.headers(stream, head, { end: true })
    : Buffer.concat([Frames.headers(stream, head), Frames.data(stream, Buffer.from(body), { end: true })])
}

/** Answers `/nonce?…` with the text after the question mark, and all else with 404, as long as there are requests. */
const answering: H2Play = (peer) =>
  Effect.forever(
    Effect.flatMap(peer.request, ({ stream, target }) =>
      peer.send(
        target.startsWith("/nonce?")
          ? response(stream, 200, target.slice("/nonce?".length))
          : response(stream, 404, "no such thing")
      )
    )
  )

/** SETTINGS, then answers to nonces. */
export const answerNonces: H2Play = (peer) => Effect.zipRight(prefaced(peer), answering(peer))

/** SETTINGS, then to request after request what `f` makes of it, each as soon as it has ended. */
export const answers =
  (f: (request: H2Request) => Uint8Array, settings?: Frames.Settings): H2Play =>
  (peer) =>
    Effect.zipRight(
      handshake(settings)(peer),
      Effect.forever(Effect.flatMap(peer.request, (request) => peer.send(f(request))))
    )

export const send =
  (...frames: ReadonlyArray<string | Uint8Array>): H2Play =>
  (peer) =>
    peer.send(Buffer.concat(frames.map((frame) => Buffer.from(frame))))

/** Waits for a head, and sends what `f` makes of its stream. */
export const respond =
  (f: (stream: number, request: H2Request) => Uint8Array): H2Play =>
  (peer) =>
    Effect.flatMap(peer.head, (request) => peer.send(f(request.stream, request)))

/** Waits for a frame of this type. */
export const awaits =
  (type: keyof typeof Frames.Type, stream?: number): H2Play =>
  (peer) =>
    peer.frame(type, stream)
