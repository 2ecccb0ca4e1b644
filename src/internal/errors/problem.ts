/** Parses problem details of HTTP APIs (RFC 9457). */
import * as Option from "effect/Option"
import type { Problem } from "../../Errors.js"
import * as MediaType from "../http/mediaType.js"

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined)

/** Parses a body of type application/problem+json. Ignores members of the wrong type (section 3.1). */
export const problemOf = (contentType: string | undefined, body: string): Option.Option<Problem> => {
  if (MediaType.parse(contentType).essence !== "application/problem+json") return Option.none()
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return Option.none()
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return Option.none()
  const members = new Map<string, unknown>(Object.entries(value))
  const take = (name: string): unknown => {
    const member = members.get(name)
    members.delete(name)
    return member
  }
  return Option.some({
    type: text(take("type")) ?? "about:blank",
    title: text(take("title")),
    status: number(take("status")),
    detail: text(take("detail")),
    instance: text(take("instance")),
    extensions: Object.fromEntries(members)
  })
}
