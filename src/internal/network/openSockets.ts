/**
 * Tracks the open sockets of a network, including those of connection attempts. Shutdown waits until they are closed.
 */
import * as Effect from "effect/Effect"
import { atMost } from "../transport/deadlines.js"
import type { NetworkStream } from "../transport/networkStream.js"

/** Milliseconds that sockets get for an orderly close before they are destroyed. */
const closeTime = 1000

export class OpenSockets {
  private readonly open = new Set<NetworkStream["socket"]>()
  private onClosed: (() => void) | undefined = undefined

  /** Tracks a socket until it is closed. */
  add(socket: NetworkStream["socket"]): void {
    this.open.add(socket)
    socket.once("close", () => {
      this.open.delete(socket)
      if (this.open.size === 0) this.onClosed?.()
    })
  }

  /** Waits until all sockets are closed. Destroys those that are still open after `closeTime`. */
  get closed(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const destroyRest = Effect.sync(() => {
        for (const socket of this.open) socket.destroy()
      })
      if (this.open.size === 0) return destroyRest
      const waitForClose = atMost(closeTime, (done) => {
        this.onClosed = done
        if (this.open.size === 0) done()
      })
      return Effect.zipRight(waitForClose, destroyRest)
    })
  }
}
