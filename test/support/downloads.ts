/**
 * Files whose transfer breaks, and downloads of them.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Option, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Server from "./server.js"
import type { Site } from "./sites.js"

export const content = "0123456789abcdefghij"
export const etag = 'ETag: "v1"'

/** The beginning of a whole file, after which the server closes the connection. */
export const cut = (length: number, headers: ReadonlyArray<string> = [etag]): string =>
  [`HTTP/1.1 200 OK`, ...headers, `Content-Length: ${content.length}`, "", content.slice(0, length)].join("\r\n")

/** The rest from an offset, or a part of it, after which the server closes the connection. */
export const rest = (from: number, to = content.length, headers: ReadonlyArray<string> = [etag]): string =>
  [
    "HTTP/1.1 206 Partial Content",
    `Content-Range: bytes ${from}-${content.length - 1}/${content.length}`,
    ...headers,
    `Content-Length: ${content.length - from}`,
    "",
    content.slice(from, to)
  ].join("\r\n")

/** Whether a message is empty or ends before its Content-Length. */
export const isCut = (message: string): boolean => {
  if (message === "") return true
  const [head = "", body = ""] = message.split("\r\n\r\n")
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  return length !== undefined && body.length < Number(length)
}

/** A server that answers each request with the response that `f` returns, and closes the connection after a cut body. */
export const site = (f: (request: Server.LoggedRequest) => string): Effect.Effect<Site, never, Scope.Scope> => {
  const play: Server.Play = (peer): Effect.Effect<void> =>
    Effect.flatMap(peer.request, (request) => {
      const answer = f(request)
      return Effect.zipRight(peer.send(answer), isCut(answer) ? peer.fin : Effect.suspend(() => play(peer)))
    })
  return Effect.map(Server.always(play), (at) => ({
    ...at,
    to: (name, path = "/") => `http://${name}:${at.port}${path}`
  }))
}

/** A file that breaks after 5 bytes, and whose rest can be requested. */
export const breaksOnce = (request: Server.LoggedRequest): string =>
  request.header("range") === undefined ? cut(5) : rest(5)

/** A new folder, removed with the Scope. */
export const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "downloads-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

/** Downloads into a new folder; returns the outcome and the folder's content. */
export const download = <E extends { readonly _tag: string }, R>(
  request: Effect.Effect<ClientResponse.ClientResponse, E, R>,
  options?: ClientResponse.FileOptions
) =>
  Effect.gen(function* () {
    const directory = yield* folder
    const exit = yield* Effect.exit(ClientResponse.toFile(request, join(directory, "file"), options))
    const names = yield* Effect.promise(() => readdir(directory))
    const text = names.includes("file") ? yield* Effect.promise(() => readFile(join(directory, "file"), "utf8")) : ""
    return { exit, names, text }
  }).pipe(Effect.provide(NodeFileSystem.layer))

export interface Downloaded {
  readonly exit: Exit.Exit<ClientResponse.ResponseHead, { readonly _tag: string }>
  readonly names: ReadonlyArray<string>
  readonly text: string
}

export const assertWhole = (outcome: Downloaded): void => {
  assert.isTrue(Exit.isSuccess(outcome.exit), String(outcome.exit))
  assert.deepStrictEqual([outcome.names, outcome.text], [["file"], content])
}

export const tagOf = <A>(exit: Exit.Exit<A, { readonly _tag: string }>): string =>
  Exit.match(exit, {
    onFailure: (cause) => Option.match(Cause.failureOption(cause), { onNone: () => cause._tag, onSome: (e) => e._tag }),
    onSuccess: () => "Success"
  })

export const assertFailed = (outcome: Downloaded, tag: string): void => {
  assert.strictEqual(tagOf(outcome.exit), tag)
  assert.deepStrictEqual(outcome.names, [])
}
