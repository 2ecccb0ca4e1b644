/** Clients that send a message to an echo server and wait for the reply. Each worker has its own WebSocket. */
import { ours } from "./effect.js"
import { promise } from "./promise.js"

const messages = new Map()

/** The message for a URL, whose path is the size of the message. */
const messageOf = (url) => {
  const known = messages.get(url)
  if (known !== undefined) return known
  const message = new Uint8Array(Number(new URL(url).pathname.slice(1))).fill(120)
  messages.set(url, message)
  return message
}

const wsClient = async () => {
  const { WebSocket } = await import("ws")
  const sockets = new Map()
  const opened = (url, key) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { perMessageDeflate: false })
      socket.once("open", () => resolve(socket))
      socket.once("error", reject)
      socket.on("message", (message) => socket.waiting(message))
      sockets.set(key, socket)
    })
  return promise(async (url, worker) => {
    const key = `${worker} ${url}`
    const socket = sockets.get(key) ?? (await opened(url, key))
    return new Promise((resolve) => {
      socket.waiting = resolve
      socket.send(messageOf(url))
    })
  })
}

const ourClient = () => {
  const sockets = new Map()
  return ours(({ Effect, Scope }, session, url, worker) => {
    const key = `${worker} ${url}`
    const known = sockets.get(key)
    if (known !== undefined) return Effect.zipRight(known.send(messageOf(url)), known.receive)
    return Effect.flatMap(Scope.make(), (scope) =>
      Effect.flatMap(Scope.extend(session.webSocket(url), scope), (socket) => {
        sockets.set(key, socket)
        return Effect.zipRight(socket.send(messageOf(url)), socket.receive)
      })
    )
  })
}

export const clients = { ws: wsClient, "ours: send, receive": ourClient }
