/**
 * Lower bounds for the cost of a client. Each worker has a socket and sends one request after the other on it. The
 * floors rely on Content-Length and search only for the end of the head. Floor a returns a promise. Floor b is one
 * effect that also checks the status. Floor c is floor b with a guard that closes the socket of an interrupted request,
 * which every correct client in Effect needs.
 */
import net from "node:net"
import tls from "node:tls"
import { effect } from "./effect.js"
import { promise } from "./promise.js"

const headOf = ({ hostname, pathname }, body) =>
  body === undefined
    ? `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`
    : `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

class Connection {
  constructor(url, { body, ca }) {
    const target = new URL(url)
    this.url = url
    this.request = headOf(target, body)
    this.text = ""
    this.length = 0
    const at = { host: target.hostname, port: Number(target.port) }
    if (ca === undefined) {
      const onread = {
        buffer: Buffer.allocUnsafe(128 * 1024),
        callback: (bytes, slab) => {
          this.onText(slab.latin1Slice(0, bytes))
          return true
        }
      }
      this.socket = net.connect({ ...at, noDelay: true, onread })
    } else {
      // TLS sockets do not have the option `onread`.
      this.socket = tls.connect({ ...at, ca })
      this.socket.on("data", (bytes) => this.onText(bytes.latin1Slice(0, bytes.length)))
    }
    this.socket.on("error", (error) => this.failed(error))
    this.socket.on("close", () => this.failed(new Error("The server closed a connection")))
  }

  onText(text) {
    this.text += text
    const body = this.text.indexOf("\r\n\r\n") + 4
    if (this.length === 0) this.length = body + Number(/content-length: (\d+)/i.exec(this.text)[1])
    if (this.text.length < this.length) return
    const reply = this.text
    this.text = ""
    this.done(reply, body)
  }
}

/**
 * Returns a function that sends a request on an idle or a new connection. It calls back with the reply and the start of
 * its body.
 */
const sender = (options) => {
  const idle = []
  const take = (url) => {
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      if (last.url === url && !last.socket.destroyed) return last
    }
    return new Connection(url, options)
  }
  return (url, done, failed) => {
    const connection = take(url)
    connection.done = (reply, body) => {
      idle.push(connection)
      done(reply, body)
    }
    connection.failed = failed
    connection.socket.write(connection.request, "latin1")
    return connection
  }
}

const floorA = (options) => {
  const send = sender(options)
  return promise(
    (url) =>
      new Promise((resolve, reject) => send(url, (reply, body) => resolve(JSON.parse(reply.slice(body))), reject))
  )
}

const decode = (Effect, reply, body) =>
  reply.startsWith("HTTP/1.1 200") ? Effect.succeed(JSON.parse(reply.slice(body))) : Effect.fail(reply)

const floorB = (options) =>
  effect(({ Effect, Layer }) => {
    const send = sender(options)
    return {
      layer: Layer.empty,
      one: (url) =>
        Effect.async((resume) => {
          send(
            url,
            (reply, body) => resume(decode(Effect, reply, body)),
            (error) => resume(Effect.fail(error))
          )
        })
    }
  })

const floorC = (options) =>
  effect(({ Effect, Layer }) => {
    const send = sender(options)
    const guarded = (url) => {
      let connection
      const sent = Effect.async((resume) => {
        connection = send(
          url,
          (reply, body) => {
            connection = undefined
            resume(decode(Effect, reply, body))
          },
          (error) => resume(Effect.fail(error))
        )
      })
      return Effect.uninterruptible(
        Effect.matchCauseEffect(Effect.interruptible(sent), {
          onFailure: (cause) => {
            connection?.socket.destroy()
            return Effect.failCause(cause)
          },
          onSuccess: Effect.succeed
        })
      )
    }
    return { layer: Layer.empty, one: guarded }
  })

/** All floors by their names in tables. `body` makes each request a POST; `ca` enables TLS. */
export const floors = (optionsOf = () => ({})) => ({
  "floor a: net.Socket in a promise": (ca) => floorA(optionsOf(ca)),
  "floor b: net.Socket in Effect.async": (ca) => floorB(optionsOf(ca)),
  "floor c: floor b, interruptible": (ca) => floorC(optionsOf(ca))
})
