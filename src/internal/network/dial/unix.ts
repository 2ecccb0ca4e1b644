/** Connects to a Unix socket by its path, or on Linux by an abstract name that starts with NUL. */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import { cancellable } from "../../effect/callback.js"
import type { Deadlines } from "../../transport/deadlines.js"
import type { Sockets } from "../../transport/networkStream.js"
import { SlabReader, type SocketReader } from "../../transport/socketReader.js"
import { codeOf, ignoreErrors } from "./race.js"

/** How to connect. `limit` is in milliseconds; `slab` is as in `ConnectOptions`. */
export interface UnixConnectOptions {
  readonly path: string
  readonly limit: number
  readonly slab: boolean
  readonly deadlines: Deadlines
  readonly sockets: Sockets
}

export interface UnixConnected {
  readonly socket: Net.Socket
  /** Present with `slab`. */
  readonly reader: SocketReader | undefined
}

export interface UnixConnectFailure {
  readonly code: string
  readonly cause: unknown
  readonly timedOut: boolean
}

/** Most bytes of a path in `sockaddr_un`, without the final NUL; on Windows, most characters of the name of a pipe. */
const maxPathBytes = process.platform === "win32" ? 256 : process.platform === "linux" ? 107 : 103

/**
 * The error code for an invalid path. Node would connect to another peer: it opens a TCP connection for an empty path,
 * and truncates a path that is too long or contains NUL.
 */
const invalidPathCode = (path: string): string | undefined => {
  const abstract = path.startsWith("\0")
  const name = abstract ? path.slice(1) : path
  if (name === "") return "ENOENT"
  if (name.includes("\0")) return "EINVAL"
  return Buffer.byteLength(name) > maxPathBytes ? "ENAMETOOLONG" : undefined
}

/** Connects. Interruption closes the socket. */
export const connectUnix = (options: UnixConnectOptions): Effect.Effect<UnixConnected, UnixConnectFailure> =>
  cancellable((resume) => {
    const { deadlines, limit, path, slab, sockets } = options
    const fail = (code: string, cause: unknown, timedOut = false) => resume(Effect.fail({ code, cause, timedOut }))
    const invalid = invalidPathCode(path)
    if (invalid !== undefined) {
      fail(invalid, undefined)
      return
    }
    const reader = slab ? new SlabReader() : undefined
    let socket: Net.Socket
    try {
      socket = Net.connect({ path, ...(reader === undefined ? {} : { onread: reader.onread }) })
    } catch (cause) {
      fail(codeOf(cause), cause)
      return
    }
    reader?.attach(socket)
    sockets.add(socket)
    ignoreErrors(socket)
    if (!slab) socket.pause()
    const stop = () => {
      deadline.cancel()
      socket.off("connect", onConnect).off("error", onError)
    }
    const onConnect = () => {
      stop()
      resume(Effect.succeed({ socket, reader }))
    }
    const onError = (cause: Error) => {
      stop()
      socket.destroy()
      fail(codeOf(cause), cause)
    }
    const deadline = deadlines.schedule(deadlines.now() + limit, () => {
      stop()
      socket.destroy()
      fail("ETIMEDOUT", undefined, true)
    })
    socket.once("connect", onConnect).once("error", onError)
    return () => {
      stop()
      socket.destroy()
    }
  })
