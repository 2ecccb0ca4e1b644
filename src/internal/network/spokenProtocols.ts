/**
 * Remembers which protocol the server of a route speaks. Requests to a server of HTTP/2 wait for one connection; those
 * to a server of HTTP/1.1 do not wait for each other.
 */
import { showAs } from "../inspection.js"

/** The protocol that a route spoke last. */
export type Spoken =
  | { readonly protocol: "h2"; readonly limit: number }
  /** `required` is true if the server has refused a request over HTTP/2 with HTTP_1_1_REQUIRED. */
  | { readonly protocol: "http/1.1"; readonly required: boolean }

/** Most routes that are remembered. The least recently used ones are evicted. */
const maxKeys = 256

export class SpokenProtocols {
  static {
    showAs(SpokenProtocols, "SpokenProtocols", ({ byKey }) => ({ size: byKey.size }))
  }

  /** The protocols by the keys of routes, in the order of their last use. */
  private readonly byKey = new Map<string, Spoken>()

  get(key: string): Spoken | undefined {
    const spoken = this.byKey.get(key)
    if (spoken !== undefined) {
      this.byKey.delete(key)
      this.byKey.set(key, spoken)
    }
    return spoken
  }

  set(key: string, spoken: Spoken): void {
    this.byKey.delete(key)
    this.byKey.set(key, spoken)
    if (this.byKey.size <= maxKeys) return
    for (const oldest of this.byKey.keys()) {
      this.byKey.delete(oldest)
      return
    }
  }

  /** Whether requests of the route must use HTTP/1.1. */
  requiresHttp1(key: string): boolean {
    const spoken = this.byKey.get(key)
    return spoken?.protocol === "http/1.1" && spoken.required
  }
}
