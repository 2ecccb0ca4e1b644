/**
 * Keeps a socket readable after one of its writes has failed. A server that refuses an upload answers, closes, and
 * resets the connection; when the next write fails, its answer may still lie unread in the system's buffer. Node
 * destroys a socket at a failed write and with it that answer.
 */
import type * as Net from "node:net"

interface Watched {
  /** The withheld error. */
  failure: NodeJS.ErrnoException | undefined
}

const watched = new WeakMap<Net.Socket, Watched>()

/** Whether the peer has closed the connection. Reading then ends too, by the end of the data or an error. */
const isReset = (error: NodeJS.ErrnoException): boolean =>
  error.syscall === "write" && (error.code === "EPIPE" || error.code === "ECONNRESET")

/**
 * Withholds the error of a write to a connection that the peer has closed, so that the socket is read to its end first.
 * Idempotent.
 */
export const keepReadable = (socket: Net.Socket): void => {
  if (watched.has(socket)) return
  const state: Watched = { failure: undefined }
  watched.set(socket, state)
  const write = socket._write
  const writev = socket._writev
  let callback: (error?: Error | null) => void = () => {}
  // A socket has one write at a time, so one function serves all of them. Bun's `_write` may call itself again with it.
  const onWritten = (error?: Error | null): void => {
    if (error !== undefined && error !== null && isReset(error)) state.failure = error
    else callback(error)
  }
  socket._write = (chunk, encoding, next) => {
    if (next !== onWritten) callback = next
    write.call(socket, chunk, encoding, onWritten)
  }
  if (writev !== undefined) {
    socket._writev = (chunks, next) => {
      if (next !== onWritten) callback = next
      writev.call(socket, chunks, onWritten)
    }
  }
}

/** The error of a write that was withheld, if there is one: the reason why the socket ended. */
export const failedWrite = (socket: Net.Socket): NodeJS.ErrnoException | undefined => watched.get(socket)?.failure
