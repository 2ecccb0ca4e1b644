/**
 * Downloads into a directory of the test, over file systems that fail.
 */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { content, folder, isCut, site } from "./downloads.js"
import * as Server from "./server.js"
import * as Sites from "./sites.js"

const { response } = Server

/** A server that sends these responses in order, one per request; "" closes the connection without a response. */
export const scripted = (answers: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    let next = 0
    const play: Server.Play = (peer): Effect.Effect<void> =>
      Effect.flatMap(peer.request, () => {
        const answer = answers[next++] ?? response(500, "one request too many")
        return Effect.zipRight(peer.send(answer), isCut(answer) ? peer.fin : Effect.suspend(() => play(peer)))
      })
    const at = yield* Server.always(play)
    const { connector, session } = yield* Sites.sessionWith()
    return { at, connector, request: session.get(`http://a.test:${at.port}/file`), session }
  })

/** A new directory, and a function that downloads a complete file into it. */
export const place = Effect.gen(function* () {
  const directory = yield* folder
  const a = yield* site(() => response(200, content))
  const { session } = yield* Sites.sessionWith()
  const request = session.get(a.to("a.test", "/file"))
  return {
    a,
    session,
    request,
    at: (name: string) => join(directory, name),
    names: () => readdirSync(directory).sort(),
    save: (name: string) => ClientResponse.toFile(request, join(directory, name))
  }
})

/** A test on real sockets with Node's file system. */
export const live = (name: string, test: Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>) =>
  it.scopedLive(name, () => Effect.provide(test, NodeFileSystem.layer))

/** Node's file system with some functions replaced. */
export const patched = (patch: (fs: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({ ...fs, ...patch(fs) }))
  ).pipe(Layer.provide(NodeFileSystem.layer))
