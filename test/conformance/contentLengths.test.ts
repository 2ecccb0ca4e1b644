/**
 * The Content-Length tests of web-platform-tests through a session over a socket: the result of each, and that the next
 * request gets its own answer.
 */
import { existsSync, readFileSync } from "node:fs"
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import { failure } from "../support/exits.js"
import { itFault } from "../support/itFault.js"
import { bytewise, head, type Play, plays, send } from "../support/server.js"
import { contentLengthDiffering } from "./http1Rows.js"

interface ContentLength {
  readonly input: string
  readonly output: number | null
}

const url = new URL("../../../shared/suites/wpt-content-lengths.json", import.meta.url)
const here = existsSync(url)
const rows: ReadonlyArray<ContentLength> = here ? JSON.parse(readFileSync(url, "utf8")) : []

const body = "x".repeat(42)

const writes: ReadonlyArray<readonly [name: string, write: (reply: string) => Play]> = [
  ["at once", send],
  ["byte by byte", bytewise]
]

type Opened = Effect.Effect<ClientResponse.ClientResponse, ClientError, Scope.Scope>

const reads = {
  text: (opened: Opened) => ClientResponse.text(opened),
  stream: (opened: Opened) => Effect.flatMap(opened, (response) => response.text)
} as const

describe.skipIf(!here)(here ? "wpt-content-lengths.json" : "wpt-content-lengths.json, which is not here", () => {
  for (const { input, output } of rows) {
    const rejected = output === null || Object.hasOwn(contentLengthDiffering, input)
    for (const [how, write] of writes) {
      for (const way of ["text", "stream"] as const) {
        itFault(
          `${JSON.stringify(input)} ${how}, by ${way}: ${rejected ? "reject" : output}`,
          // Surplus bytes are in the same packet: later ones could be the beginning of a response.
          plays(
            head,
            write(`HTTP/1.1 200 OK\r\n${input}\r\n\r\n${write === send ? body : body.slice(0, output ?? 42)}`)
          ),
          (session, at) => reads[way](session.get(`${at.url}/`, { timeout: "15 seconds" })),
          (exit) => {
            if (!rejected) assert.deepStrictEqual(exit, Exit.succeed(body.slice(0, output)))
            else assert.propertyVal(failure(exit), "reason", "Framing")
          },
          { tags: ["BadHttpMessage"] }
        )
      }
    }
  }
})
