/** An echo server over WebSockets, which runs in its own process. */
import { WebSocketServer } from "ws"

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false })
server.on("connection", (socket) => {
  socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary }))
  socket.on("error", () => {})
})
server.on("listening", () => process.send?.({ url: `ws://127.0.0.1:${server.address().port}` }))
process.on("disconnect", () => process.exit(0))
