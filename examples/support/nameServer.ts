/**
 * A name server on the loopback over UDP (RFC 1035): IPv4 addresses for known names, and NXDOMAIN for others.
 */
import * as Dgram from "node:dgram"
import { Effect, type Scope } from "effect"

const types: ReadonlyMap<number, string> = new Map([
  [1, "A"],
  [28, "AAAA"]
])

const questionOf = (message: Buffer): { readonly name: string; readonly type: number; readonly end: number } => {
  const labels: Array<string> = []
  let at = 12
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join(".").toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 }
}

/** Creates an answer: the question, with or without an address. */
const answerOf = (message: Buffer, end: number, known: boolean, address: string | undefined, ttl: number): Buffer => {
  const head = Buffer.alloc(12)
  message.copy(head, 0, 0, 2)
  head.writeUInt16BE(known ? 0x8180 : 0x8183, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(address === undefined ? 0 : 1, 6)
  if (address === undefined) return Buffer.concat([head, message.subarray(12, end)])
  const record = Buffer.alloc(12)
  // A pointer to the name in the question, type A, class IN.
  record.writeUInt16BE(0xc00c, 0)
  record.writeUInt16BE(1, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(ttl, 6)
  record.writeUInt16BE(4, 10)
  return Buffer.concat([head, message.subarray(12, end), record, Buffer.from(address.split(".").map(Number))])
}

export interface NameServer {
  /** The address of the server, such as "127.0.0.1:41234". */
  readonly address: string
  /** The questions received so far, such as "A api.test". */
  readonly asked: ReadonlyArray<string>
}

/** Runs a name server until the Scope closes. Its answers have a time to live of `ttl` seconds. */
export const nameServer = (
  addresses: { readonly [name: string]: string },
  ttl = 60
): Effect.Effect<NameServer, never, Scope.Scope> => {
  const asked: Array<string> = []
  const start = Effect.async<Dgram.Socket>((resume) => {
    const socket = Dgram.createSocket("udp4")
    socket.on("message", (message, from) => {
      const { end, name, type } = questionOf(message)
      asked.push(`${types.get(type) ?? type} ${name}`)
      const known = Object.hasOwn(addresses, name)
      socket.send(answerOf(message, end, known, type === 1 ? addresses[name] : undefined, ttl), from.port, from.address)
    })
    socket.bind(0, "127.0.0.1", () => resume(Effect.succeed(socket)))
  })
  const stop = (socket: Dgram.Socket) => Effect.async<void>((resume) => void socket.close(() => resume(Effect.void)))
  return Effect.map(Effect.acquireRelease(start, stop), (socket) => ({
    address: `127.0.0.1:${socket.address().port}`,
    asked
  }))
}
