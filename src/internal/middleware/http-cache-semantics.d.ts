/** Types for the members of http-cache-semantics that the cache uses. The package itself has only JSDoc. */
declare module "http-cache-semantics" {
  interface Message {
    readonly headers: { readonly [name: string]: string }
  }
  export default class CachePolicy {
    constructor(
      request: Message & { readonly method: string; readonly url: string },
      response: Message & { readonly status: number },
      options?: {
        readonly shared?: boolean
        /** In milliseconds. */
        readonly immutableMinTimeToLive?: number
      }
    )
    /** In milliseconds since the epoch. */
    now(): number
    storable(): boolean
    /** In seconds. */
    age(): number
    /** Freshness lifetime in seconds, from its Date. */
    maxAge(): number
  }
}
