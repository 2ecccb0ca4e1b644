/** A server that answers when it has a given number of requests, so that each of them has its own connection. */
import { createServer } from "node:net"

const sockets = new Set()
let asked = 0
let wanted = 0
const server = createServer((socket) => {
  sockets.add(socket)
  socket.on("error", () => {})
  socket.on("close", () => sockets.delete(socket))
  socket.on("data", () => {
    asked++
    if (asked < wanted) return
    asked = 0
    for (const each of sockets) each.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
  })
})
server.listen(0, "127.0.0.1", () => process.send?.({ port: server.address().port }))
process.on("message", (count) => {
  wanted = count
  process.send({ wanted })
})
process.on("disconnect", () => process.exit(0))
