/**
 * HTTP Archive 1.2.
 */
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import type * as Effect from "effect/Effect"
import type { Signal } from "./Tracing.js"

/** An archive, as browsers' developer tools read it; secrets are left out. */
export interface Har {
  readonly log: {
    readonly version: "1.2"
    readonly creator: { readonly name: string; readonly version: string }
    readonly entries: ReadonlyArray<Entry>
  }
}

export interface Entry {
  readonly startedDateTime: string
  readonly time: number
  readonly request: unknown
  readonly response: unknown
  readonly timings: { readonly [phase: string]: number }
  readonly connection?: string | undefined
  readonly serverIPAddress?: string | undefined
}

export interface HarOptions {
  /** Bytes kept of each body. Default 0: none. */
  readonly maxBodySize?: number | undefined
}

/** An archive of signals, such as `Tracing.collect` gives. */
export declare const fromSignals: (signals: Iterable<Signal>, options?: HarOptions) => Har

/** Writes the requests made inside to `path`, whether the effect succeeds or not. */
export declare const record: {
  (
    path: string,
    options?: HarOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | PlatformError, R | FileSystem>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    path: string,
    options?: HarOptions
  ): Effect.Effect<A, E | PlatformError, R | FileSystem>
}
