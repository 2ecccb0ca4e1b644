/**
 * Keeps a socket readable after one of its writes has failed. A server that refuses an upload answers, closes, and
 * resets the connection; when the next write fails, its answer may still lie unread in the system's buffer. Node
 * destroys a socket at a failed write and with it that answer.
 */
import type * as Net from "node:net"

const kept = new WeakSet<Net.Socket>()

/** Whether the peer has closed the connection. Reading then ends too, by the end of the data or an error. */
const isReset = (error: NodeJS.ErrnoException): boolean =>
  error.syscall === "write" && (error.code === "EPIPE" || error.code === "ECONNRESET")

/**
 * Withholds the error of a write to a connection that the peer has closed: the socket is read to its end, and that end
 * is the one that its owner sees. Idempotent.
 */
export const keepReadable = (socket: Net.Socket): void => {
  if (kept.has(socket)) return
  kept.add(socket)
  const write = socket._write
  const writev = socket._writev
  let callback: (error?: Error | null) => void = () => {}
  // A socket has one write at a time, so one function serves all of them.
  const onWritten = (error?: Error | null): void => {
    if (error === undefined || error === null || !isReset(error)) callback(error)
  }
  socket._write = (chunk, encoding, next) => {
    callback = next
    write.call(socket, chunk, encoding, onWritten)
  }
  if (writev !== undefined) {
    socket._writev = (chunks, next) => {
      callback = next
      writev.call(socket, chunks, onWritten)
    }
  }
}
