/**
 * A proxy for tests: CONNECT and absolute form over http or https, or SOCKS4a and SOCKS5. It records its requests, and
 * can be configured to resolve names to the loopback, to require credentials, or to refuse.
 */
import { createHash } from "node:crypto"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import type { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A request as the proxy received it. */
export interface Seen {
  readonly method: "CONNECT" | "SOCKS4" | "SOCKS5" | (string & {})
  /** "host:port" of CONNECT and SOCKS, else the absolute URL. */
  readonly target: string
  /** The headers as received. Empty for SOCKS. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** The number of the connection to the proxy, from 1. */
  readonly connection: number
  /** SOCKS only: the client's identity. */
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** SOCKS only. */
  readonly addressType?: "ipv4" | "ipv6" | "name" | undefined
}

/** How a proxy answers CONNECT in place of opening a tunnel. */
export interface Refusal {
  readonly status: number
  readonly reason?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface ProxyServerOptions {
  readonly kind?: "http" | "https" | "socks"
  /** PEMs, for kind "https". */
  readonly tls?: { readonly cert: string; readonly key: string } & Partial<
    Pick<Https.ServerOptions, "ca" | "requestCert" | "ALPNCallback">
  >
  /** Requires these credentials, as Basic or by RFC 1929. */
  readonly auth?: { readonly user: string; readonly password: string }
  /** Requires these credentials by Digest (RFC 7616, MD5 and qop=auth), and a new count for each use of a nonce. */
  readonly digest?: {
    readonly user: string
    readonly password: string
    /** The nonce of a challenge, by how many there were before; default "n1", "n2" and so on. */
    readonly nonce?: (challenges: number) => string
    /** Whether a nonce has expired, so that its challenge says "stale". */
    readonly isStale?: (nonce: string) => boolean
  }
  /** The reply that opens a tunnel, in place of a plain 200. */
  readonly opening?: string
  /** The reply to every CONNECT. */
  readonly refuse?: Refusal
  /** SOCKS: the code of every reply. Default: 0 (SOCKS5) or 90 (SOCKS4). */
  readonly reply?: number
  /** The address to connect to for a target. Default: the loopback, at the target's port. */
  readonly resolve?: (host: string, port: number) => { readonly host: string; readonly port: number }
}

export interface ProxyServer {
  readonly host: string
  readonly port: number
  /** Without credentials. */
  readonly url: string
  readonly seen: ReadonlyArray<Seen>
  /** The number of open connections to clients. */
  readonly open: () => number
  /** The number of accepted connections. */
  readonly connections: () => number
}

const loopback = (_host: string, port: number) => ({ host: "127.0.0.1", port })

const splitTarget = (target: string) => {
  const colon = target.lastIndexOf(":")
  return { host: target.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(target.slice(colon + 1)) }
}

const pairsOf = (raw: ReadonlyArray<string>) => {
  const pairs: Array<readonly [string, string]> = []
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at]!, raw[at + 1]!])
  return pairs
}

/** The parts that both kinds of proxies share. */
class State {
  readonly seen: Array<Seen> = []
  readonly ids = new WeakMap<Duplex, number>()
  readonly clients = new Set<Net.Socket>()
  readonly upstreams = new Set<Net.Socket>()
  readonly counts = new Map<string, number>()
  challenges = 0
  count = 0

  accept(socket: Net.Socket): void {
    this.count++
    this.ids.set(socket, this.count)
    this.clients.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => this.clients.delete(socket))
  }

  /** Connects upstream and joins the two ends; they close together. */
  join(
    client: Duplex,
    at: { readonly host: string; readonly port: number },
    opened: () => void,
    failed: () => void
  ): void {
    const upstream = Net.connect({ ...at, noDelay: true })
    this.upstreams.add(upstream)
    let connected = false
    upstream.on("connect", () => {
      connected = true
      opened()
      client.pipe(upstream).pipe(client)
    })
    upstream.on("error", () => {
      if (!connected) failed()
      else client.destroy()
    })
    upstream.on("close", () => {
      this.upstreams.delete(upstream)
      if (connected) client.destroy()
    })
    client.on("close", () => upstream.destroy())
  }

  end(): void {
    for (const socket of [...this.clients, ...this.upstreams]) socket.destroy()
  }
}

const wanted = (challenge: string): Refusal => ({
  status: 407,
  reason: "Proxy Authentication Required",
  headers: { "Proxy-Authenticate": challenge },
  body: "who are you?"
})

const md5 = (text: string): string => createHash("md5").update(text).digest("hex")

const paramOf = (header: string, name: string): string => new RegExp(`[ ,]${name}="?([^",]*)`).exec(header)?.[1] ?? ""

/** The reason why the Digest answer is refused, by the request line. */
const digestRefusal = (
  digest: NonNullable<ProxyServerOptions["digest"]>,
  state: State,
  method: string,
  uri: string,
  header: string | undefined
): Refusal | undefined => {
  const challenge = (stale: boolean): Refusal => {
    const nonce = digest.nonce?.(state.challenges) ?? `n${state.challenges + 1}`
    state.challenges++
    return wanted(`Digest realm="test", nonce="${nonce}", qop="auth"${stale ? ", stale=true" : ""}`)
  }
  if (header === undefined || !header.startsWith("Digest ")) return challenge(false)
  const [nonce, nc, cnonce, response] = ["nonce", "nc", "cnonce", "response"].map((name) => paramOf(header, name))
  const secret = md5(`${digest.user}:test:${digest.password}`)
  const right = md5(`${secret}:${nonce}:${nc}:${cnonce}:auth:${md5(`${method}:${uri}`)}`)
  const count = Number.parseInt(nc ?? "", 16)
  if (response !== right || paramOf(header, "uri") !== uri) return challenge(false)
  if (digest.isStale?.(nonce ?? "") === true) return challenge(true)
  if (count !== (state.counts.get(nonce ?? "") ?? 0) + 1) return challenge(false)
  state.counts.set(nonce ?? "", count)
  return undefined
}

/** The reason to refuse a request, or `undefined`. */
const refusalOf = (options: ProxyServerOptions, state: State, request: Http.IncomingMessage): Refusal | undefined => {
  const header = request.headers["proxy-authorization"]
  const { auth, digest } = options
  if (digest !== undefined) return digestRefusal(digest, state, request.method ?? "", request.url ?? "", header)
  return auth === undefined || header === `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString("base64")}`
    ? undefined
    : wanted('Basic realm="test"')
}

const refusalText = (refusal: Refusal): string => {
  const body = refusal.body ?? ""
  const lines = Object.entries({ "Content-Length": String(Buffer.byteLength(body)), ...refusal.headers })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  return `HTTP/1.1 ${refusal.status} ${refusal.reason ?? "Refused"}\r\n${head}\r\n${body}`
}

/** Header lines without the hop-by-hop fields. */
const withoutHop = (raw: ReadonlyArray<string>): Array<string> =>
  pairsOf(raw)
    .filter(([name]) => !/^(proxy-|connection$|keep-alive$)/i.test(name))
    .flat()

const forward = (
  options: ProxyServerOptions,
  state: State,
  request: Http.IncomingMessage,
  response: Http.ServerResponse
): void => {
  const refusal = refusalOf(options, state, request)
  if (refusal !== undefined) {
    response.writeHead(refusal.status, refusal.reason, { ...refusal.headers }).end(refusal.body)
    return
  }
  let url: URL
  try {
    url = new URL(request.url ?? "")
  } catch {
    response.writeHead(400, "Not In Absolute Form").end()
    return
  }
  const port = Number(url.port || 80)
  const at = (options.resolve ?? loopback)(url.hostname, port)
  const headers = withoutHop(request.rawHeaders)
  const outgoing = Http.request({
    host: at.host,
    port: at.port,
    method: request.method,
    path: url.pathname + url.search,
    headers,
    setHost: false,
    agent: false
  })
  outgoing.on("response", (incoming) => {
    response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, withoutHop(incoming.rawHeaders))
    incoming.pipe(response)
  })
  outgoing.on("error", () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502, "Bad Gateway").end()
  })
  request.pipe(outgoing)
}

const httpServer = (options: ProxyServerOptions, state: State): Http.Server => {
  const listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => {
    state.seen.push({
      method: request.method ?? "",
      target: request.url ?? "",
      headers: pairsOf(request.rawHeaders),
      connection: state.ids.get(request.socket) ?? 0
    })
    forward(options, state, request, response)
  }
  const server =
    options.kind === "https" ? Https.createServer({ ...options.tls }, listener) : Http.createServer(listener)
  server.on(options.kind === "https" ? "secureConnection" : "connection", (socket: Net.Socket) => state.accept(socket))
  server.on("connect", (request: Http.IncomingMessage, socket: Duplex) => {
    const target = request.url ?? ""
    socket.on("error", () => {})
    state.seen.push({
      method: "CONNECT",
      target,
      headers: pairsOf(request.rawHeaders),
      connection: state.ids.get(socket) ?? 0
    })
    const refusal = refusalOf(options, state, request) ?? options.refuse
    if (refusal !== undefined) {
      socket.end(refusalText(refusal))
      return
    }
    const { host, port } = splitTarget(target)
    state.join(
      socket,
      (options.resolve ?? loopback)(host, port),
      () => socket.write(options.opening ?? "HTTP/1.1 200 Connection established\r\n\r\n", "latin1"),
      () => socket.end(refusalText({ status: 502, reason: "Bad Gateway" }))
    )
  })
  return server
}

/** Bytes of a client, taken by number. */
class Reader {
  private held = Buffer.alloc(0)
  private wake: (() => void) | undefined = undefined
  private ended = false
  private readonly onData = (chunk: Buffer) => {
    this.held = Buffer.concat([this.held, chunk])
    this.wake?.()
  }
  private readonly onClose = () => {
    this.ended = true
    this.wake?.()
  }
  private readonly socket: Net.Socket

  constructor(socket: Net.Socket) {
    this.socket = socket
    socket.on("data", this.onData).on("close", this.onClose)
  }

  async take(size: number): Promise<Buffer> {
    while (this.held.length < size) {
      if (this.ended) throw new Error("ended")
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    const taken = this.held.subarray(0, size)
    this.held = this.held.subarray(size)
    return taken
  }

  async takeText(): Promise<string> {
    const bytes: Array<number> = []
    for (;;) {
      const byte = (await this.take(1))[0]!
      if (byte === 0) return Buffer.from(bytes).toString("latin1")
      bytes.push(byte)
    }
  }

  /** The next reader gets the rest. */
  release(): void {
    this.socket.pause()
    this.socket.off("data", this.onData).off("close", this.onClose)
    if (this.held.length > 0) this.socket.unshift(this.held)
  }
}

const dotted = (bytes: Buffer): string => [...bytes].join(".")

const grouped = (bytes: Buffer): string => {
  const groups: Array<string> = []
  for (let at = 0; at < 16; at += 2) groups.push(bytes.readUInt16BE(at).toString(16))
  return groups.join(":")
}

const socks4 = async (options: ProxyServerOptions, state: State, socket: Net.Socket, reader: Reader) => {
  const head = await reader.take(7)
  const port = head.readUInt16BE(1)
  const address = dotted(head.subarray(3, 7))
  const user = await reader.takeText()
  const named = address.startsWith("0.0.0.") && address !== "0.0.0.0"
  const host = named ? await reader.takeText() : address
  state.seen.push({
    method: "SOCKS4",
    target: `${host}:${port}`,
    headers: [],
    connection: state.ids.get(socket) ?? 0,
    user,
    addressType: named ? "name" : "ipv4"
  })
  const reply = (code: number) => socket.write(Buffer.from([0, code, 0, 0, 0, 0, 0, 0]))
  reader.release()
  if (options.auth !== undefined && options.auth.user !== user) return void reply(93)
  if (options.reply !== undefined && options.reply !== 90) return void reply(options.reply)
  state.join(
    socket,
    (options.resolve ?? loopback)(host, port),
    () => reply(90),
    () => reply(91)
  )
}

const socks5Login = async (options: ProxyServerOptions, socket: Net.Socket, reader: Reader) => {
  const methods = await reader.take((await reader.take(1))[0]!)
  const method = options.auth !== undefined ? 2 : methods.includes(0) ? 0 : 2
  if (!methods.includes(method)) {
    socket.end(Buffer.from([5, 0xff]))
    return undefined
  }
  socket.write(Buffer.from([5, method]))
  if (method === 0) return { user: undefined, password: undefined }
  const user = (await reader.take((await reader.take(2))[1]!)).toString("utf8")
  const password = (await reader.take((await reader.take(1))[0]!)).toString("utf8")
  const right = options.auth === undefined || (options.auth.user === user && options.auth.password === password)
  socket.write(Buffer.from([1, right ? 0 : 1]))
  if (right) return { user, password }
  socket.end()
  return undefined
}

const addressTypes = { 1: "ipv4", 3: "name", 4: "ipv6" } as const

const socks5Address = async (reader: Reader, type: number): Promise<string> => {
  if (type === 1) return dotted(await reader.take(4))
  if (type === 4) return grouped(await reader.take(16))
  return (await reader.take((await reader.take(1))[0]!)).toString("latin1")
}

const socks5 = async (options: ProxyServerOptions, state: State, socket: Net.Socket, reader: Reader) => {
  const login = await socks5Login(options, socket, reader)
  if (login === undefined) return
  const type = (await reader.take(4))[3]!
  const host = await socks5Address(reader, type)
  const port = (await reader.take(2)).readUInt16BE(0)
  state.seen.push({
    method: "SOCKS5",
    target: `${host}:${port}`,
    headers: [],
    connection: state.ids.get(socket) ?? 0,
    addressType: addressTypes[type === 1 || type === 4 ? type : 3],
    ...login
  })
  reader.release()
  const reply = (code: number) => socket.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
  if (options.reply !== undefined && options.reply !== 0) return void reply(options.reply)
  state.join(
    socket,
    (options.resolve ?? loopback)(host, port),
    () => reply(0),
    () => reply(5)
  )
}

const socksServer = (options: ProxyServerOptions, state: State): Net.Server =>
  Net.createServer((socket) => {
    state.accept(socket)
    const reader = new Reader(socket)
    const talk = async () => {
      const version = (await reader.take(1))[0]
      await (version === 4 ? socks4 : socks5)(options, state, socket, reader)
    }
    talk().catch(() => socket.destroy())
  })

/** Runs a proxy on a free port of the loopback for as long as the Scope lasts. */
export const proxyServer = (options: ProxyServerOptions = {}): Effect.Effect<ProxyServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<{ readonly proxy: ProxyServer; readonly close: Effect.Effect<void> }>((resume) => {
      const state = new State()
      const kind = options.kind ?? "http"
      const server = kind === "socks" ? socksServer(options, state) : httpServer(options, state)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const host = "127.0.0.1"
        const proxy: ProxyServer = {
          host,
          port,
          url: `${kind === "socks" ? "socks5h" : kind}://${host}:${port}`,
          seen: state.seen,
          open: () => state.clients.size,
          connections: () => state.count
        }
        const close = Effect.async<void>((done) => {
          server.close(() => done(Effect.void))
          state.end()
        })
        resume(Effect.succeed({ proxy, close }))
      })
    }),
    ({ close }) => close
  ).pipe(Effect.map(({ proxy }) => proxy))
