/**
 * Where a download is written: a file beside the old one that takes its place when it is whole, or directly what is not
 * a regular file.
 */
import { createHash, randomBytes } from "node:crypto"
import { basename, isAbsolute, sep } from "node:path"
import { type PlatformError, SystemError } from "@effect/platform/Error"
import type { File, FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { isOwnFile, readUnfinished, type Unfinished, writeUnfinished } from "./unfinishedFile.js"

/** What takes the bytes of a download. */
export interface FileTarget {
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, PlatformError>
  /** Drops all bytes but the first `length`. `undefined` where written bytes cannot be taken back. */
  readonly cut: ((length: number) => Effect.Effect<void, PlatformError>) | undefined
  /** Waits until the bytes are on the disk. */
  readonly sync: Effect.Effect<void, PlatformError>
  /** What an earlier run has left: its bytes are in the target. */
  readonly unfinished: Unfinished | undefined
  /** Leaves the bytes for a later run, if that is wanted, once the download has failed. */
  readonly leave: (facts: Unfinished) => Effect.Effect<void>
}

/** How a regular file is replaced. */
export interface Replacement<A> {
  /** Whether the result of the download replaces the old file. */
  readonly keep: (value: A) => boolean
  /** Whether runs leave unfinished files and continue those of earlier runs. */
  readonly acrossRuns: boolean
}

/** What a path leads to. */
interface Place {
  /** Of the file itself, unless `straight`: links that lead to it are followed. */
  readonly path: string
  /** Of the file that is there. */
  readonly old: File.Info | undefined
  /** Whether the bytes go straight into it. */
  readonly straight: boolean
}

/** As Linux has it. */
const maxLinks = 40

const refuse = (path: string, description: string): Effect.Effect<never, SystemError> =>
  Effect.fail(
    new SystemError({
      reason: "BadResource",
      module: "FileSystem",
      method: "toFile",
      pathOrDescriptor: path,
      description
    })
  )

const isNotFound = (error: PlatformError): boolean => error._tag === "SystemError" && error.reason === "NotFound"

/** Finds what a path leads to. A link to a file that does not exist leads to the place where the file would be. */
const locate = (fs: FileSystem, path: string, links = 0): Effect.Effect<Place, PlatformError> =>
  Effect.matchEffect(fs.stat(path), {
    onFailure: (error) => (isNotFound(error) ? locateMissing(fs, path, links) : Effect.fail(error)),
    onSuccess: (info): Effect.Effect<Place, PlatformError> => {
      switch (info.type) {
        case "File":
          return locateFile(fs, path, info, links)
        case "FIFO":
        case "CharacterDevice":
          return Effect.succeed({ path, old: undefined, straight: true })
        default:
          return refuse(path, `expected a file, a FIFO or a character device, got ${names[info.type] ?? info.type}`)
      }
    }
  })

const names: { readonly [type: string]: string } = {
  Directory: "a directory",
  Socket: "a socket",
  BlockDevice: "a block device"
}

const locateFile = (fs: FileSystem, path: string, old: File.Info, links: number): Effect.Effect<Place, PlatformError> =>
  Effect.flatMap(follow(fs, path, links), (target) =>
    target === undefined
      ? Effect.succeed({ path, old, straight: false })
      : Effect.flatMap(locate(fs, target, links + 1), (place) =>
          // A link of /proc leads to what it stands for, and its text nowhere.
          place.old === undefined
            ? refuse(path, "expected a file that has a name, got a removed one")
            : Effect.succeed(place)
        )
  )

const locateMissing = (fs: FileSystem, path: string, links: number): Effect.Effect<Place, PlatformError> =>
  path.endsWith("/") || path.endsWith(sep)
    ? refuse(path, "expected the path of a file, got one of a directory")
    : Effect.flatMap(follow(fs, path, links), (target) =>
        target === undefined ? Effect.succeed({ path, old: undefined, straight: false }) : locate(fs, target, links + 1)
      )

/**
 * The path that a symbolic link leads to, `undefined` for anything else. Neither normalized nor by `realPath`, which
 * in Node takes ".." off the text: after a link to a directory it leads elsewhere.
 */
const follow = (fs: FileSystem, path: string, links: number): Effect.Effect<string | undefined, PlatformError> =>
  Effect.matchEffect(fs.readLink(path), {
    onFailure: () => Effect.succeed(undefined),
    onSuccess: (target) =>
      links === maxLinks
        ? refuse(path, `expected at most ${maxLinks} symbolic links one after the other`)
        : Effect.succeed(isAbsolute(target) ? target : folderOf(path) + target)
  })

/** With its last separator. */
const folderOf = (path: string): string => path.slice(0, path.length - basename(path).length)

/** A name beside `path`, short enough where that name is as long as names may be. */
const nameBeside = (path: string, suffix: string): string => `${folderOf(path)}${basename(path).slice(0, 64)}.${suffix}`

/** Of the file that is written. */
const temporaryName = (path: string): string => nameBeside(path, `${randomBytes(6).toString("hex")}.part`)

/** Of the file that one run leaves for the next: the same each time. */
const unfinishedName = (path: string): string =>
  nameBeside(path, `${createHash("sha256").update(basename(path)).digest("hex").slice(0, 12)}.unfinished`)

/**
 * Runs `fill` with what `path` leads to. A regular file is replaced when `fill` succeeds and `keep` holds of its result;
 * after anything else the old file is as it was.
 */
export const withFileTarget = <A, E, R>(
  fs: FileSystem,
  path: string,
  fill: (target: FileTarget) => Effect.Effect<A, E, R>,
  replacement: Replacement<A>
): Effect.Effect<A, E | PlatformError, R> =>
  Effect.flatMap(locate(fs, path), (place) =>
    place.straight ? straightInto(fs, place.path, fill) : replacing(fs, place, fill, replacement)
  )

/** The file that is written until it takes its name. */
interface Part {
  name: string
  /** Whether it is left for a later run. */
  left: boolean
}

const replacing = <A, E, R>(
  fs: FileSystem,
  { old, path }: Place,
  fill: (target: FileTarget) => Effect.Effect<A, E, R>,
  { acrossRuns, keep }: Replacement<A>
): Effect.Effect<A, E | PlatformError, R> =>
  Effect.acquireUseRelease(
    Effect.sync((): Part => ({ name: temporaryName(path), left: false })),
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
      const left = part.left ? fs.rename(part.name, unfinishedName(path)) : Effect.fail(undefined)
      return Effect.catchAll(left, () => Effect.ignore(fs.remove(part.name)))
    }
  )

/** Until it has the rights of the old file, a part is its owner's alone. */
const ownerOnly = 0o600

/** Opens a new part, or the one that an earlier run has left. */
const openPart = (
  fs: FileSystem,
  path: string,
  part: Part,
  old: File.Info | undefined,
  acrossRuns: boolean
): Effect.Effect<FileTarget, PlatformError, Scope.Scope> => {
  const made = Effect.suspend(() =>
    fs.open(part.name, { flag: "wx", ...(old === undefined ? {} : { mode: ownerOnly }) })
  )
  if (!acrossRuns) return Effect.map(made, (file) => replaceable(file, undefined, () => Effect.void))
  const leave = (file: File) => (facts: Unfinished) =>
    Effect.match(writeUnfinished(file, facts), {
      onFailure: () => undefined,
      onSuccess: () => {
        part.left = true
      }
    })
  return Effect.matchEffect(fs.rename(unfinishedName(path), part.name), {
    onFailure: () => Effect.map(made, (file) => replaceable(file, undefined, leave(file))),
    onSuccess: () =>
      Effect.flatMap(Effect.option(reopen(fs, part.name, old !== undefined)), (left) => {
        if (Option.isSome(left))
          return Effect.succeed(replaceable(left.value.file, left.value.unfinished, leave(left.value.file)))
        const refused = part.name
        part.name = temporaryName(path)
        return Effect.zipRight(
          Effect.ignore(fs.remove(refused)),
          Effect.map(made, (file) => replaceable(file, undefined, leave(file)))
        )
      })
  })
}

/** Opens the part that an earlier run has left, now under a name of this run: of several runs at once, one gets it. */
const reopen = (fs: FileSystem, name: string, restricted: boolean) =>
  Effect.gen(function* () {
    const file = yield* fs.open(name, { flag: "r+" })
    if (!(yield* isOwnFile(fs, name, file))) return yield* refuse(name, "expected a file of this user")
    if (restricted) yield* fs.chmod(name, ownerOnly)
    return { file, unfinished: yield* readUnfinished(file) }
  })

// A write that an interruption leaves behind would go to whatever has the descriptor's number by then.
const replaceable = (file: File, unfinished: Unfinished | undefined, leave: FileTarget["leave"]): FileTarget => ({
  write: (bytes) => Effect.uninterruptible(file.writeAll(bytes)),
  cut: (length) => Effect.uninterruptible(Effect.zipRight(file.truncate(length), file.seek(length, "start"))),
  sync: Effect.uninterruptible(file.sync),
  unfinished,
  leave
})

/** The bits of permissions, with and without those that lend the owner's rights. */
const allBits = 0o7777
const plainBits = 0o777

/**
 * Gives a file the mode of another, and its owner and group where this process may. A file of another owner or group
 * does not run with their rights.
 */
const takeRights = (fs: FileSystem, path: string, old: File.Info): Effect.Effect<void, PlatformError> =>
  Effect.gen(function* () {
    const made = yield* fs.stat(path)
    const uid = Option.getOrUndefined(old.uid)
    const gid = Option.getOrUndefined(old.gid)
    const ownUid = Option.getOrUndefined(made.uid)
    let kept = uid === ownUid && gid === Option.getOrUndefined(made.gid)
    if (!kept && uid !== undefined && gid !== undefined && ownUid !== undefined) {
      const owner = Effect.as(fs.chown(path, uid, gid), true)
      kept = yield* Effect.catchAll(owner, () => Effect.as(Effect.ignore(fs.chown(path, ownUid, gid)), false))
    }
    const mode = old.mode & (kept ? allBits : plainBits)
    if ((made.mode & allBits) !== mode) yield* fs.chmod(path, mode)
  })

/** Writes one piece after the other, with no way back. */
class Straight implements FileTarget {
  readonly cut = undefined
  readonly sync = Effect.void
  readonly unfinished = undefined
  private readonly file: File
  private readonly scope: Scope.CloseableScope
  private writing: Fiber.RuntimeFiber<void, PlatformError> | undefined = undefined

  constructor(file: File, scope: Scope.CloseableScope) {
    this.file = file
    this.scope = scope
  }

  /** Ends early when it is interrupted; the reader of a FIFO alone can end the write itself. */
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

  /** Closes it, after the write that is under way: its descriptor's number must not be used again before. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { writing } = this
    const close = Scope.close(this.scope, Exit.void)
    if (writing === undefined) return close
    return Effect.flatMap(Fiber.poll(writing), (exit) =>
      Option.isSome(exit) ? close : Effect.forkDaemon(Effect.zipRight(Fiber.await(writing), close))
    )
  })
}

const straightInto = <A, E, R>(
  fs: FileSystem,
  path: string,
  fill: (target: FileTarget) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | PlatformError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) =>
      // Appends: a write at a position fails in a pipe.
      Effect.flatMap(Effect.forkDaemon(Scope.extend(fs.open(path, { flag: "a" }), scope)), (opening) =>
        Effect.flatMap(
          Effect.onInterrupt(restore(Fiber.join(opening)), () => abandon(fs, path, opening, scope)),
          (file) => {
            const target = new Straight(file, scope)
            return Effect.onExit(restore(fill(target)), () => target.close)
          }
        )
      )
    )
  )

/**
 * Closes what `opening` opens, without waiting for it. The open of a FIFO waits for a reader, in a thread that no
 * interruption reaches: for a moment this process is that reader.
 */
const abandon = (
  fs: FileSystem,
  path: string,
  opening: Fiber.RuntimeFiber<File, PlatformError>,
  scope: Scope.CloseableScope
): Effect.Effect<void> => {
  const both = Effect.scoped(Effect.zipRight(fs.open(path, { flag: "r+" }), Fiber.await(opening)))
  const closed = Effect.zipRight(Fiber.await(opening), Scope.close(scope, Exit.void))
  return Effect.asVoid(Effect.forkDaemon(Effect.zipRight(Effect.ignore(both), closed)))
}
