/**
 * Keeps a socket readable after one of its writes has failed. A server that rejects an upload answers, closes, and
 * resets the connection; when the next write fails, its answer may still be unread in the system's buffer. Node
 * destroys a socket at a failed write, and that answer with it.
 */
import type * as Net from "node:net"

interface WriteState {
  /** The withheld error. */
  failure: NodeJS.ErrnoException | undefined
}

const writeStates = new WeakMap<Net.Socket, WriteState>()

/** Whether the error means that the peer closed the connection. Reading then ends too: with EOF or an error. */
const isReset = (error: NodeJS.ErrnoException): boolean =>
  error.syscall === "write" && (error.code === "EPIPE" || error.code === "ECONNRESET")

/**
 * Withholds errors of writes to a connection that the peer has closed, so that the socket is read to its end first.
 * Idempotent.
 */
export const keepReadable = (socket: Net.Socket): void => {
  if (writeStates.has(socket)) return
  const state: WriteState = { failure: undefined }
  writeStates.set(socket, state)
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

/** The withheld error of a write, which is the reason why the socket ended; `undefined` without one. */
export const failedWrite = (socket: Net.Socket): NodeJS.ErrnoException | undefined => writeStates.get(socket)?.failure
