/** Reads the limit of `HttpIncomingMessage.withMaxBodySize` of @effect/platform. */
import type { Size } from "@effect/platform/FileSystem"
import * as IncomingMessage from "@effect/platform/HttpIncomingMessage"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"

/** Most decoded bytes of a body that a fiber may read; `Infinity` without a limit. */
export const readerLimit = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number => {
  const size: Option.Option<Size> | undefined = fiber.currentContext.unsafeMap.get(IncomingMessage.MaxBodySize.key)
  return size === undefined || size._tag === "None" ? Infinity : Number(size.value)
}
