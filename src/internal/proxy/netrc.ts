/** Reads netrc files, which contain user names and passwords by host. */
import * as FileSystem from "node:fs"
import { open } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Basic } from "../../Auth.js"
import { basic } from "../../Auth.js"
import { errorCode } from "../errorCode.js"
import { comparableHost } from "../http/host.js"
import { canonicalAddress } from "./noProxy.js"

/** Size of the largest file that is read, in bytes. */
const maxSize = 128 * 1024

/** Looks up the credentials of a host. With a `login`, only those of this login. */
export type Netrc = (host: string, login?: string) => Basic | undefined

interface Entry {
  /** The host; `undefined` for the entry `default`. */
  readonly machine: string | undefined
  login: string | undefined
  password: string | undefined
}

const space = /[ \t\r\n]/

/** Splits a file into tokens by the rules of Python: a token may be quoted, and a backslash escapes any character. */
class Lexer {
  private at = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** The next token; `undefined` at the end of the file, `null` after an unterminated quote. */
  next(): string | undefined | null {
    const { text } = this
    while (this.at < text.length && space.test(text.charAt(this.at))) this.at++
    if (this.at >= text.length) return undefined
    const quoted = text.charAt(this.at) === '"'
    if (quoted) this.at++
    let token = ""
    while (this.at < text.length) {
      const character = text.charAt(this.at++)
      if (quoted ? character === '"' : space.test(character)) {
        // Leaves the line end to `skipLine`.
        if (!quoted) this.at--
        return token
      }
      token += character === "\\" ? text.charAt(this.at++) : character
    }
    return quoted ? null : token
  }

  skipLine(): void {
    const end = this.text.indexOf("\n", this.at)
    this.at = end === -1 ? this.text.length : end + 1
  }

  /** Skips a macro, which ends with an empty line. */
  skipMacro(): void {
    this.skipLine()
    while (this.at < this.text.length) {
      const end = this.text.indexOf("\n", this.at)
      const line = this.text.slice(this.at, end === -1 ? this.text.length : end)
      this.skipLine()
      if (line === "" || line === "\r") return
    }
  }
}

const toCanonical = (machine: string): string => {
  const bare = machine.replace(/^\[(.*)\]$/, "$1")
  return canonicalAddress(bare) ?? comparableHost(machine) ?? machine.toLowerCase()
}

const parseEntries = (text: string): Either.Either<ReadonlyArray<Entry>, string> => {
  const lexer = new Lexer(text.startsWith("\ufeff") ? text.slice(1) : text)
  const found: Array<Entry> = []
  let current: Entry | undefined
  for (;;) {
    const token = lexer.next()
    if (token === undefined) return Either.right(found)
    if (token === null) return Either.left("expected a closing quote")
    if (token.startsWith("#")) {
      lexer.skipLine()
      continue
    }
    if (token === "default") {
      current = { machine: undefined, login: undefined, password: undefined }
      found.push(current)
      continue
    }
    const value = lexer.next()
    if (value === undefined || value === null) return Either.left("expected a value after each token")
    switch (token) {
      case "machine":
        current = { machine: toCanonical(value), login: undefined, password: undefined }
        found.push(current)
        break
      case "login":
      case "user":
        if (current === undefined) return Either.left("expected machine or default before login")
        current.login = value
        break
      case "password":
        if (current === undefined) return Either.left("expected machine or default before password")
        current.password = value
        break
      case "account":
        break
      case "macdef":
        lexer.skipMacro()
        break
      default:
        return Either.left("expected machine, default, login, user, password, account or macdef")
    }
  }
}

/**
 * Parses a file. The description of an error does not quote the file. The first entry of a machine wins, and `default`
 * applies to machines without an entry. An entry needs both login and password.
 */
export const parse = (text: string): Either.Either<Netrc, string> =>
  Either.map(parseEntries(text), (all) => {
    const byMachine = new Map<
      string,
      Array<{ readonly login: string | undefined; readonly credentials: Basic | undefined }>
    >()
    let fallback: { readonly login: string | undefined; readonly credentials: Basic | undefined } | undefined
    for (const { login, machine, password } of all) {
      const item = {
        login,
        credentials: login === undefined || password === undefined ? undefined : basic(login, password)
      }
      if (machine === undefined) fallback ??= item
      else if (byMachine.get(machine)?.push(item) === undefined) byMachine.set(machine, [item])
    }
    return (host, login) => {
      const hasLogin = (item: { readonly login: string | undefined }) => login === undefined || item.login === login
      const ofMachine = byMachine.get(toCanonical(host))
      if (ofMachine !== undefined) return ofMachine.find(hasLogin)?.credentials
      return fallback !== undefined && hasLogin(fallback) ? fallback.credentials : undefined
    }
  })

const isAccessibleToOthers = (stat: FileSystem.Stats): boolean =>
  process.getuid !== undefined && (stat.uid !== process.getuid() || (stat.mode & 0o077) !== 0)

const load = async (path: string, mustBePrivate: boolean): Promise<Either.Either<string, string> | undefined> => {
  // Without O_NONBLOCK, opening a FIFO would block a thread until a writer opens it.
  const handle = await open(path, FileSystem.constants.O_RDONLY | (FileSystem.constants.O_NONBLOCK ?? 0))
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return Either.left("expected a regular file")
    if (mustBePrivate && isAccessibleToOthers(stat)) {
      return Either.left("expected a file of the current user that other users cannot access (chmod 600)")
    }
    const buffer = Buffer.alloc(maxSize + 1)
    let size = 0
    while (size <= maxSize) {
      const { bytesRead } = await handle.read(buffer, size, buffer.length - size, size)
      if (bytesRead === 0) break
      size += bytesRead
    }
    if (size > maxSize) return Either.left("expected at most 128 KiB")
    return Either.right(buffer.toString("utf8", 0, size))
  } finally {
    await handle.close()
  }
}

const emptyNetrc: Netrc = () => undefined

/**
 * Reads a file. A missing file counts as empty, and so does an unusable one, with a warning in the log.
 * `mustBePrivate` is true for the file in the home directory, which is unusable if other users than its owner can
 * access it, as in Python.
 */
export const read = (path: string, mustBePrivate: boolean): Effect.Effect<Netrc> =>
  Effect.flatMap(
    Effect.promise(() =>
      load(path, mustBePrivate).catch((error: unknown) => {
        const code = errorCode(error) ?? "unknown"
        return code === "ENOENT" || code === "ENOTDIR" ? undefined : Either.left(code)
      })
    ),
    (content) => {
      if (content === undefined) return Effect.succeed(emptyNetrc)
      const parsed = Either.flatMap(content, parse)
      return Either.isRight(parsed)
        ? Effect.succeed(parsed.right)
        : Effect.as(Effect.logWarning(`The netrc file is ignored: ${parsed.left}`), emptyNetrc)
    }
  )
