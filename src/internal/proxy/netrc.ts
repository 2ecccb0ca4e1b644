/**
 * netrc: names and passwords by machine.
 */

import * as FileSystem from "node:fs"
import { open } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Basic } from "../../Auth.js"
import { basic } from "../../Auth.js"
import { errorCode } from "../errorCode.js"
import { comparableHost } from "../http/host.js"
import { canonicalAddress } from "./noProxy.js"

/** Bytes of a file; a larger one is not read. */
const maxSize = 128 * 1024

/** Looks a machine up, for that login alone if one is given. */
export type Netrc = (host: string, login?: string) => Basic | undefined

interface Entry {
  /** `undefined` for `default`. */
  readonly machine: string | undefined
  login: string | undefined
  password: string | undefined
}

const space = /[ \t\r\n]/

/** Tokens by Python's rules: quotes around a token, a backslash before any character. */
class Lexer {
  private at = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** `undefined` at the end, `null` where a quote does not end. */
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
        // The end of the line is left for `skipLine`.
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

  /** A macro ends with an empty line. */
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

const canonical = (machine: string): string => {
  const bare = machine.replace(/^\[(.*)\]$/, "$1")
  return canonicalAddress(bare) ?? comparableHost(machine) ?? machine.toLowerCase()
}

const entries = (text: string): Either.Either<ReadonlyArray<Entry>, string> => {
  const lexer = new Lexer(text.startsWith("\ufeff") ? text.slice(1) : text)
  const found: Array<Entry> = []
  let current: Entry | undefined
  for (;;) {
    const token = lexer.next()
    if (token === undefined) return Either.right(found)
    if (token === null) return Either.left("a quote does not end")
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
    if (value === undefined || value === null) return Either.left("a value is missing")
    switch (token) {
      case "machine":
        current = { machine: canonical(value), login: undefined, password: undefined }
        found.push(current)
        break
      case "login":
      case "user":
        if (current === undefined) return Either.left("a login belongs to no machine")
        current.login = value
        break
      case "password":
        if (current === undefined) return Either.left("a password belongs to no machine")
        current.password = value
        break
      case "account":
        break
      case "macdef":
        lexer.skipMacro()
        break
      default:
        return Either.left("a token is unknown")
    }
  }
}

/**
 * Parses a file; the left side says what is wrong with it and quotes nothing of it. The first entry of a machine
 * counts, and `default` where there is none; without both a login and a password it gives nothing.
 */
export const parse = (text: string): Either.Either<Netrc, string> =>
  Either.map(entries(text), (all) => {
    const named = new Map<
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
      else if (named.get(machine)?.push(item) === undefined) named.set(machine, [item])
    }
    return (host, login) => {
      const fits = (item: { readonly login: string | undefined }) => login === undefined || item.login === login
      const own = named.get(canonical(host))
      if (own !== undefined) return own.find(fits)?.credentials
      return fallback !== undefined && fits(fallback) ? fallback.credentials : undefined
    }
  })

const tooOpen = (stat: FileSystem.Stats): boolean =>
  process.getuid !== undefined && (stat.uid !== process.getuid() || (stat.mode & 0o077) !== 0)

const load = async (path: string, guarded: boolean): Promise<Either.Either<string, string> | undefined> => {
  // Without O_NONBLOCK the opening of a FIFO would hold a thread until somebody writes to it.
  const handle = await open(path, FileSystem.constants.O_RDONLY | (FileSystem.constants.O_NONBLOCK ?? 0))
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return Either.left("it is no file")
    if (guarded && tooOpen(stat)) return Either.left("others than its owner have access to it")
    const buffer = Buffer.alloc(maxSize + 1)
    let size = 0
    while (size <= maxSize) {
      const { bytesRead } = await handle.read(buffer, size, buffer.length - size, size)
      if (bytesRead === 0) break
      size += bytesRead
    }
    if (size > maxSize) return Either.left("it is larger than 128 KiB")
    return Either.right(buffer.toString("utf8", 0, size))
  } finally {
    await handle.close()
  }
}

const nothing: Netrc = () => undefined

/**
 * Reads a file. One that does not exist gives nothing; one that cannot be used gives nothing and a warning in the log.
 * `guarded`: as in Python, the file in the home directory counts only if nobody but its owner has access to it.
 */
export const read = (path: string, guarded: boolean): Effect.Effect<Netrc> =>
  Effect.flatMap(
    Effect.promise(() =>
      load(path, guarded).catch((error: unknown) => {
        const code = errorCode(error) ?? "unknown"
        return code === "ENOENT" || code === "ENOTDIR" ? undefined : Either.left(code)
      })
    ),
    (content) => {
      if (content === undefined) return Effect.succeed(nothing)
      const parsed = Either.flatMap(content, parse)
      return Either.isRight(parsed)
        ? Effect.succeed(parsed.right)
        : Effect.as(Effect.logWarning(`The netrc file is ignored: ${parsed.left}`), nothing)
    }
  )
