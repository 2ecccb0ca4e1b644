/** Reads the limit of `HttpIncomingMessage.withMaxBodySize` of @effect/platform. */
import type { Size } from "@effect/platform/FileSystem"
import * as IncomingMessage from "@effect/platform/HttpIncomingMessage"
import type * as Option from "effect/Option"
import { type FiberState, servicesOf } from "../effect/fiberState.js"

/** Most decoded bytes of a body that a fiber may read; `Infinity` without a limit. */
export const readerLimit = (state: FiberState): number => {
  const size: Option.Option<Size> | undefined = servicesOf(state).unsafeMap.get(IncomingMessage.MaxBodySize.key)
  return size === undefined || size._tag === "None" ? Infinity : Number(size.value)
}
