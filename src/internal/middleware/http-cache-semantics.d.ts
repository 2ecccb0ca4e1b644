/** The part of http-cache-semantics that is used; the package's types are JSDoc. */
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
        /** Milliseconds. */
        readonly immutableMinTimeToLive?: number
      }
    )
    /** Milliseconds since the epoch. */
    now(): number
    storable(): boolean
    /** Seconds. */
    age(): number
    /** Seconds for which it is fresh, counted from its Date. */
    maxAge(): number
  }
}
