/** Answers requests from a cassette. */
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type { MockRequest } from "../../Connector.js"
import { ClientConnectorError } from "../../Errors.js"
import type { CassetteOptions } from "../../Testing.js"
import { type Answer, hasNoContent, headFromLines } from "../mock/mockAnswer.js"
import type { AnswerRequest } from "../mock/mockConnection.js"
import { MockDetails } from "../mock/mockDetails.js"
import { redactUrl } from "../redact.js"
import { digest, fromContent, keyOf, type Recorded, readCassette } from "./cassette.js"

const lengthOf = (recorded: Recorded): number | undefined => {
  const { body, headers, cut } = recorded.response
  const find = (lowerName: string) => headers.find(([name]) => name.toLowerCase() === lowerName)?.[1]
  const length = find("content-length")
  if (length === undefined || find("transfer-encoding") !== undefined) return undefined
  // The recorded body may be shorter than Content-Length, because it was not read to its end.
  const actual = body === undefined ? 0 : fromContent(body).length
  return cut === true && /^\d{1,15}$/.test(length) ? Number(length) : actual
}

const toAnswer = (recorded: Recorded, method: string): Answer => {
  const { body, cut, headers, reason, status, trailers = [], version } = recorded.response
  const isBodiless = hasNoContent(method, status)
  const lines = headers.map(([name, value]): readonly [string, string] => [
    name,
    Buffer.from(value, "utf8").toString("latin1")
  ])
  return {
    head: headFromLines(status, reason, version, lines, isBodiless ? undefined : lengthOf(recorded)),
    body: isBodiless || body === undefined ? undefined : fromContent(body),
    trailers,
    cut
  }
}

/** The hash of the request body; `undefined` without a body. */
const bodyOf = (request: MockRequest): Effect.Effect<string | undefined> => {
  const type = request.headers.get("content-type") ?? undefined
  const { exact } = request
  if (exact.body._tag === "Empty") return Effect.succeed(undefined)
  // A `Request` cannot expose the body of a GET.
  if (request.body === null) {
    return Effect.succeed(exact.body._tag === "Uint8Array" ? digest(exact.body.body, type) : undefined)
  }
  return Effect.map(
    Effect.promise(() => request.arrayBuffer()),
    (buffer) => digest(new Uint8Array(buffer), type)
  )
}

/** Answers requests from a cassette. Each recorded response is used once. */
export const makeReplayer = (
  path: string,
  options: CassetteOptions
): Effect.Effect<AnswerRequest<never>, PlatformError, FileSystem> =>
  Effect.map(readCassette(path), (exchanges) => {
    const unused = new Map<string, Array<Recorded>>()
    for (const recorded of exchanges) {
      const { body, method, url } = recorded.request
      const key = keyOf({ method, url, body }, options)
      const ofKey = unused.get(key)
      if (ofKey === undefined) unused.set(key, [recorded])
      else ofKey.push(recorded)
    }
    return (request) =>
      Effect.flatMap(bodyOf(request), (body) => {
        const { method, url } = request.exact
        const recorded = unused.get(keyOf({ method, url, body }, options))?.shift()
        return recorded === undefined ? notRecorded(request) : Effect.succeed(toAnswer(recorded, method))
      })
  })

const notRecorded = (request: MockRequest): Effect.Effect<never, ClientConnectorError> =>
  Effect.flatMap(MockDetails, (details) =>
    Effect.fail(
      new ClientConnectorError({
        ...details,
        reason: "Connect",
        code: "ENOTRECORDED",
        cause: new Error(`The cassette has no response left for ${request.method} ${redactUrl(request.exact.url)}`)
      })
    )
  )
