/**
 * The destination of a download. The bytes of a regular file go to a new file, which replaces the old one when it is
 * complete; other files are written directly.
 */
import { createHash, randomBytes } from "node:crypto"
import { basename, isAbsolute, sep } from "node:path"
import type { PlatformError } from "@effect/platform/Error"
import type { File, FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { isNotFound, systemError } from "../../effect/fileErrors.js"
import { isOwnFile, readUnfinished, type Unfinished, writeUnfinished } from "./unfinishedFile.js"

/** Receives the bytes of a download. */
export interface FileTarget {
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, PlatformError>
  /** Truncates the file to `length` bytes. `undefined` if written bytes cannot be removed. */
  readonly truncate: ((length: number) => Effect.Effect<void, PlatformError>) | undefined
  /** Completes when the bytes are on disk. */
  readonly sync: Effect.Effect<void, PlatformError>
  /** State left by an earlier run, whose bytes are already in the file. */
  readonly unfinished: Unfinished | undefined
  /** Called after the download has failed. Keeps the bytes for a later run if that was requested. */
  readonly leave: (facts: Unfinished) => Effect.Effect<void>
}

/** How a regular file is replaced. */
export interface Replacement<A> {
  /** Whether the result of the download replaces the old file. */
  readonly keep: (value: A) => boolean
  /** Whether unfinished files are kept, and continued by later runs. */
  readonly acrossRuns: boolean
}

/** The resolved target of a path. */
interface Place {
  /** The path after following symbolic links. A file that is written directly keeps the path of its link. */
  readonly path: string
  /** The existing file. */
  readonly old: File.Info | undefined
  /** Whether bytes are written directly into the file. */
  readonly isWrittenDirectly: boolean
}

/** The limit of Linux for symbolic links in a path. */
const maxLinks = 40

const refuse = (path: string, description: string): Effect.Effect<never, PlatformError> =>
  Effect.fail(
    systemError({
      reason: "BadResource",
      module: "FileSystem",
      method: "toFile",
      pathOrDescriptor: path,
      description
    })
  )

/** Resolves a path. A link to a missing file resolves to the path where the file would be. */
const locate = (fs: FileSystem, path: string, links = 0): Effect.Effect<Place, PlatformError> =>
  Effect.matchEffect(fs.stat(path), {
    onFailure: (error) => (isNotFound(error) ? locateMissing(fs, path, links) : Effect.fail(error)),
    onSuccess: (info): Effect.Effect<Place, PlatformError> => {
      switch (info.type) {
        case "File":
          return locateFile(fs, path, info, links)
        case "FIFO":
        case "CharacterDevice":
          return Effect.succeed({ path, old: undefined, isWrittenDirectly: true })
        default:
          return refuse(
            path,
            `expected a file, a FIFO or a character device, got ${unsupportedKinds[info.type] ?? info.type}`
          )
      }
    }
  })

const unsupportedKinds: { readonly [type: string]: string } = {
  Directory: "a directory",
  Socket: "a socket",
  BlockDevice: "a block device"
}

const locateFile = (fs: FileSystem, path: string, old: File.Info, links: number): Effect.Effect<Place, PlatformError> =>
  Effect.flatMap(follow(fs, path, links), (target) =>
    target === undefined
      ? Effect.succeed({ path, old, isWrittenDirectly: false })
      : Effect.flatMap(locate(fs, target, links + 1), (place) =>
          // A link in /proc refers to an open file; its text is not a path.
          place.old === undefined
            ? refuse(path, "expected a file that has a name, got a removed one")
            : Effect.succeed(place)
        )
  )

const locateMissing = (fs: FileSystem, path: string, links: number): Effect.Effect<Place, PlatformError> =>
  path.endsWith("/") || path.endsWith(sep)
    ? refuse(path, "expected the path of a file, got one of a directory")
    : Effect.flatMap(follow(fs, path, links), (target) =>
        target === undefined
          ? Effect.succeed({ path, old: undefined, isWrittenDirectly: false })
          : locate(fs, target, links + 1)
      )

/**
 * The target of a symbolic link; `undefined` for anything else. The path is not normalized, because removing ".." from
 * its text is wrong after a link to a directory. Node's `realPath` does that too.
 */
const follow = (fs: FileSystem, path: string, links: number): Effect.Effect<string | undefined, PlatformError> =>
  Effect.matchEffect(fs.readLink(path), {
    onFailure: () => Effect.succeed(undefined),
    onSuccess: (target) =>
      links === maxLinks
        ? refuse(path, `expected at most ${maxLinks} symbolic links one after the other`)
        : Effect.succeed(isAbsolute(target) ? target : folderOf(path) + target)
  })

/** The directory, including its last separator. */
const folderOf = (path: string): string => path.slice(0, path.length - basename(path).length)

/** A name in the directory of `path`, short enough for the limits of file systems. */
const nameBeside = (path: string, suffix: string): string => `${folderOf(path)}${basename(path).slice(0, 64)}.${suffix}`

/** The name of the file while it is written. */
const temporaryName = (path: string): string => nameBeside(path, `${randomBytes(6).toString("hex")}.part`)

/** The name of an unfinished file. All runs use the same. */
const unfinishedName = (path: string): string =>
  nameBeside(path, `${createHash("sha256").update(basename(path)).digest("hex").slice(0, 12)}.unfinished`)

/**
 * Runs `fill` with the target of `path`. A regular file is replaced if `fill` succeeds and `keep` returns true;
 * otherwise the old file stays unchanged.
 */
export const withFileTarget = <A, E, R>(
  fs: FileSystem,
  path: string,
  fill: (target: FileTarget) => Effect.Effect<A, E, R>,
  replacement: Replacement<A>
): Effect.Effect<A, E | PlatformError, R> =>
  Effect.flatMap(locate(fs, path), (place) =>
    place.isWrittenDirectly ? fillDirectly(fs, place.path, fill) : fillAndReplace(fs, place, fill, replacement)
  )

/** The new file until it is renamed to its final name. */
interface Part {
  name: string
  /** Whether it is kept for a later run. */
  isKept: boolean
}

const fillAndReplace = <A, E, R>(
  fs: FileSystem,
  { old, path }: Place,
  fill: (target: FileTarget) => Effect.Effect<A, E, R>,
  { acrossRuns, keep }: Replacement<A>
): Effect.Effect<A, E | PlatformError, R> =>
  Effect.acquireUseRelease(
    Effect.sync((): Part => ({ name: temporaryName(path), isKept: false })),
    (part) =>
      Effect.scoped(
        Effect.flatMap(Effect.uninterruptible(openPart(fs, path, part, old, acrossRuns)), (target) => fill(target))
      ).pipe(
        Effect.tap((value) =>
          Effect.uninterruptible(
            keep(value)
              ? Effect.zipRight(
                  old === undefined ? Effect.void : takeRights(fs, part.name, old),
                  fs.rename(part.name, path)
                )
              : fs.remove(part.name)
          )
        )
      ),
    (part, exit) => {
      if (Exit.isSuccess(exit)) return Effect.void
      const keepOrFail = part.isKept ? fs.rename(part.name, unfinishedName(path)) : Effect.fail(undefined)
      return Effect.catchAll(keepOrFail, () => Effect.ignore(fs.remove(part.name)))
    }
  )

/** The mode of a part that will get the mode of the old file. */
const ownerOnly = 0o600

/**
 * Creates a new part, or opens the one that an earlier run left. Parts are written in append mode: Bun's `fs.write`
 * ignores the position that @effect/platform's File passes to it.
 */
const openPart = (
  fs: FileSystem,
  path: string,
  part: Part,
  old: File.Info | undefined,
  acrossRuns: boolean
): Effect.Effect<FileTarget, PlatformError, Scope.Scope> => {
  const create = Effect.suspend(() =>
    fs.open(part.name, { flag: "ax", ...(old === undefined ? {} : { mode: ownerOnly }) })
  )
  if (!acrossRuns) return Effect.map(create, (file) => replaceable(file, undefined, () => Effect.void))
  const leave = (file: File) => (facts: Unfinished) =>
    Effect.match(writeUnfinished(file, facts), {
      onFailure: () => undefined,
      onSuccess: () => {
        part.isKept = true
      }
    })
  return Effect.matchEffect(fs.rename(unfinishedName(path), part.name), {
    onFailure: () => Effect.map(create, (file) => replaceable(file, undefined, leave(file))),
    onSuccess: () =>
      Effect.flatMap(Effect.option(reopen(fs, part.name, old !== undefined)), (reopened) => {
        if (Option.isSome(reopened))
          return Effect.succeed(replaceable(reopened.value.file, reopened.value.unfinished, leave(reopened.value.file)))
        const unusable = part.name
        part.name = temporaryName(path)
        return Effect.zipRight(
          Effect.ignore(fs.remove(unusable)),
          Effect.map(create, (file) => replaceable(file, undefined, leave(file)))
        )
      })
  })
}

/**
 * Opens a part that an earlier run left. The caller has renamed it, so that only one of several concurrent runs gets
 * it.
 */
const reopen = (fs: FileSystem, name: string, restricted: boolean) =>
  Effect.gen(function* () {
    const readable = yield* fs.open(name, { flag: "r+" })
    if (!(yield* isOwnFile(fs, name, readable))) return yield* refuse(name, "expected a file of this user")
    if (restricted) yield* fs.chmod(name, ownerOnly)
    const unfinished = yield* readUnfinished(readable)
    const file = yield* fs.open(name, { flag: "a" })
    if (!(yield* isOwnFile(fs, name, file))) return yield* refuse(name, "expected a file of this user")
    return { file, unfinished }
  })

// Uninterruptible, because Node would continue an interrupted write after the file is closed, and could write into
// another file that reuses the descriptor.
const replaceable = (file: File, unfinished: Unfinished | undefined, leave: FileTarget["leave"]): FileTarget => ({
  write: (bytes) => Effect.uninterruptible(file.writeAll(bytes)),
  truncate: (length) => Effect.uninterruptible(file.truncate(length)),
  sync: Effect.uninterruptible(file.sync),
  unfinished,
  leave
})

/** Permission bits, with and without setuid, setgid and sticky. */
const allBits = 0o7777
const plainBits = 0o777

/**
 * Copies the mode of the old file, and its owner and group where permitted. If they differ, setuid and setgid are
 * dropped.
 */
const takeRights = (fs: FileSystem, path: string, old: File.Info): Effect.Effect<void, PlatformError> =>
  Effect.gen(function* () {
    const part = yield* fs.stat(path)
    const uid = Option.getOrUndefined(old.uid)
    const gid = Option.getOrUndefined(old.gid)
    const partUid = Option.getOrUndefined(part.uid)
    let hasSameOwner = uid === partUid && gid === Option.getOrUndefined(part.gid)
    if (!hasSameOwner && uid !== undefined && gid !== undefined && partUid !== undefined) {
      const owner = Effect.as(fs.chown(path, uid, gid), true)
      hasSameOwner = yield* Effect.catchAll(owner, () => Effect.as(Effect.ignore(fs.chown(path, partUid, gid)), false))
    }
    const mode = old.mode & (hasSameOwner ? allBits : plainBits)
    if ((part.mode & allBits) !== mode) yield* fs.chmod(path, mode)
  })

/** Writes directly into a file. Written bytes cannot be removed. */
class DirectFile implements FileTarget {
  readonly truncate = undefined
  readonly sync = Effect.void
  readonly unfinished = undefined
  private readonly file: File
  private readonly scope: Scope.CloseableScope
  private writing: Fiber.RuntimeFiber<void, PlatformError> | undefined = undefined

  constructor(file: File, scope: Scope.CloseableScope) {
    this.file = file
    this.scope = scope
  }

  /** An interruption ends the wait, but not the write itself, which continues until the FIFO has been read. */
  write(bytes: Uint8Array): Effect.Effect<void, PlatformError> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDaemon(this.file.writeAll(bytes)), (fiber) => {
        this.writing = fiber
        return restore(Fiber.join(fiber))
      })
    )
  }

  leave(): Effect.Effect<void> {
    return Effect.void
  }

  /** Closes the file after the current write, so that no other file reuses the descriptor before that. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { writing } = this
    const close = Scope.close(this.scope, Exit.void)
    if (writing === undefined) return close
    return Effect.flatMap(Fiber.poll(writing), (exit) =>
      Option.isSome(exit) ? close : Effect.forkDaemon(Effect.zipRight(Fiber.await(writing), close))
    )
  })
}

const fillDirectly = <A, E, R>(
  fs: FileSystem,
  path: string,
  fill: (target: FileTarget) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | PlatformError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) =>
      // Append mode: a positioned write fails for a pipe.
      Effect.flatMap(Effect.forkDaemon(Scope.extend(fs.open(path, { flag: "a" }), scope)), (opening) =>
        Effect.flatMap(
          Effect.onInterrupt(restore(Fiber.join(opening)), () => abandon(fs, path, opening, scope)),
          (file) => {
            const target = new DirectFile(file, scope)
            return Effect.onExit(restore(fill(target)), () => target.close)
          }
        )
      )
    )
  )

/**
 * Closes the file in the background once `opening` completes. Opening a FIFO blocks a thread until another process
 * reads it, so this process opens it for reading until then.
 */
const abandon = (
  fs: FileSystem,
  path: string,
  opening: Fiber.RuntimeFiber<File, PlatformError>,
  scope: Scope.CloseableScope
): Effect.Effect<void> => {
  const readUntilOpen = Effect.scoped(Effect.zipRight(fs.open(path, { flag: "r+" }), Fiber.await(opening)))
  const closeOnceOpen = Effect.zipRight(Fiber.await(opening), Scope.close(scope, Exit.void))
  return Effect.asVoid(Effect.forkDaemon(Effect.zipRight(Effect.ignore(readUntilOpen), closeOnceOpen)))
}
