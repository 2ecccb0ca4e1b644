/**
 * The sockets of a network that are not closed yet, of connections and of attempts to connect.
 */
import * as Effect from "effect/Effect"
import { atMost } from "../transport/deadlines.js"
import type { Wire } from "../transport/networkStream.js"

/** How long a socket may take to close in good order; milliseconds. */
const closeTime = 1000

export class OpenSockets {
  private readonly open = new Set<Wire["socket"]>()
  private onClosed: (() => void) | undefined = undefined

  /** Keeps a socket until it is closed. */
  add(socket: Wire["socket"]): void {
    this.open.add(socket)
    socket.once("close", () => {
      this.open.delete(socket)
      if (this.open.size === 0) this.onClosed?.()
    })
  }

  /** Waits until all are closed; destroys those that take too long. */
  get closed(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const destroyed = Effect.sync(() => {
        for (const socket of this.open) socket.destroy()
      })
      if (this.open.size === 0) return destroyed
      const closed = atMost(closeTime, (done) => {
        this.onClosed = done
        if (this.open.size === 0) done()
      })
      return Effect.zipRight(closed, destroyed)
    })
  }
}
