import { execFile } from "node:child_process"
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Logger, Redacted } from "effect"
import * as FastCheck from "fast-check"
import type { Basic } from "../../../src/Auth.js"
import { type Netrc, parse, read } from "../../../src/internal/proxy/netrc.js"

const show = (found: Basic | undefined): string =>
  found === undefined ? "nothing" : `${Redacted.value(found.user)} ${Redacted.value(found.password)}`

const parsed = (text: string): Netrc => Either.getOrThrow(parse(text))

type Row = readonly [what: string, text: string, host: string, found: string, login?: string]

const rows: ReadonlyArray<Row> = [
  ["one machine", "machine a.test login u password p", "a.test", "u p"],
  ["another machine", "machine a.test login u password p", "b.test", "nothing"],
  ["a machine below", "machine a.test login u password p", "www.a.test", "nothing"],
  ["a machine that ends alike", "machine a.test login u password p", "xa.test", "nothing"],
  ["lines and tabs", "machine a.test\n\tlogin u\n\tpassword p\n", "a.test", "u p"],
  ["CRLF", "machine a.test\r\nlogin u\r\npassword p\r\n", "a.test", "u p"],
  ["a BOM", "\ufeffmachine a.test login u password p", "a.test", "u p"],
  ["password before login", "machine a.test password p login u", "a.test", "u p"],
  ["user for login", "machine a.test user u password p", "a.test", "u p"],
  ["an account", "machine a.test login u account x password p", "a.test", "u p"],
  ["an account is not a login", "machine a.test account x password p", "a.test", "nothing"],
  ["two machines, first", "machine a.test login u password p\nmachine b.test login v password q", "a.test", "u p"],
  ["two machines, second", "machine a.test login u password p\nmachine b.test login v password q", "b.test", "v q"],
  ["the first entry counts", "machine a.test login u password p machine a.test login v password q", "a.test", "u p"],
  ["by login", "machine a.test login u password p machine a.test login v password q", "a.test", "v q", "v"],
  ["another login", "machine a.test login other password p", "a.test", "nothing", "user"],
  [
    "another login, default",
    "machine a.test login o password p default login user password q",
    "a.test",
    "nothing",
    "user"
  ],
  ["no login", "machine a.test password p", "a.test", "nothing"],
  ["no password", "machine a.test login u", "a.test", "nothing"],
  ["no password, others have one", "machine b.test login v password q machine a.test login u", "a.test", "nothing"],
  ["no password, though default has", "machine a.test login u\ndefault login d password e", "a.test", "nothing"],
  ["a machine that is a URL's beginning", "machine a.test/x login u password p", "a.test", "nothing"],
  ["a machine with a query", "machine a.test?x login u password p", "a.test", "nothing"],
  ["a machine with a percent escape", "machine a%2etest login u password p", "a.test", "nothing"],
  ["a machine that is a spelling of IPv4", "machine 127.1 login u password p", "127.0.0.1", "nothing"],
  ["default", "machine a.test login u password p\ndefault login d password e", "b.test", "d e"],
  ["default is not for machines", "machine a.test login u password p\ndefault login d password e", "a.test", "u p"],
  ["default without password", "machine a.test login u password p\ndefault login d", "b.test", "nothing"],
  ["default by login", "default login d password e", "b.test", "nothing", "x"],
  ["upper case", "machine A.Test login u password p", "a.test", "u p"],
  ["upper-case keywords are none", "machine a.test login LOGIN password PASSWORD", "a.test", "LOGIN PASSWORD"],
  ["a trailing dot", "machine a.test. login u password p", "a.test", "u p"],
  ["IDN", "machine bücher.test login u password p", "xn--bcher-kva.test", "u p"],
  ["IPv4", "machine 127.0.0.1 login u password p", "127.0.0.1", "u p"],
  ["IPv6", "machine ::1 login u password p", "::1", "u p"],
  ["IPv6 in brackets", "machine [0:0::1] login u password p", "::1", "u p"],
  ["quotes", 'machine a.test login "u v" password "p # q"', "a.test", "u v p # q"],
  ["quotes within quotes", 'machine a.test login u password "p\\"q\\\\"', "a.test", 'u p"q\\'],
  ["a backslash", "machine a.test login u password p\\ q", "a.test", "u p q"],
  ["a quote within a word", 'machine a.test login u password p"q', "a.test", 'u p"q'],
  ["an empty password", 'machine a.test login u password ""', "a.test", "u "],
  ["an empty login", 'machine a.test login "" password p', "a.test", " p"],
  ["a keyword for a name", "machine a.test login machine password default", "a.test", "machine default"],
  ["a password that begins with #", "machine a.test login u password #p", "a.test", "u #p"],
  ["a comment line", "# machine a.test\nmachine a.test login u password p", "a.test", "u p"],
  [
    "a comment without a space",
    "#machine b.test login x password y\nmachine a.test login u password p",
    "b.test",
    "nothing"
  ],
  ["a comment after an entry", "machine a.test login u password p # login x password y", "a.test", "u p"],
  ["a comment between tokens", "machine a.test\n# login x\nlogin u password p", "a.test", "u p"],
  ["a comment with a quote", "# it's \"\nmachine a.test login u password p", "a.test", "u p"],
  [
    "a macro",
    "macdef init\ncd /\nmachine a.test login x password y\n\nmachine a.test login u password p",
    "a.test",
    "u p"
  ],
  ["a macro of an entry", "machine a.test login u password p\nmacdef m\nlogin evil\n\n", "a.test", "u p"],
  ["a macro with CRLF", "macdef m\r\nlogin x\r\n\r\nmachine a.test login u password p", "a.test", "u p"],
  [
    "a macro without an end",
    "machine a.test login u password p\nmacdef m\nmachine b.test login x password y",
    "b.test",
    "nothing"
  ],
  ["__proto__", "machine __proto__ login u password p", "constructor", "nothing"],
  ["UTF-8", "machine a.test login ü password ß", "a.test", "ü ß"],
  ["nothing at all", "", "a.test", "nothing"],
  ["white space", " \n\t\r\n", "a.test", "nothing"]
]

describe("the netrc parser", () => {
  for (const [what, text, host, found, login] of rows) {
    it(what, () => {
      assert.strictEqual(show(parsed(text)(host, login)), found)
    })
  }

  for (const [what, text] of [
    ["a quote that does not end", 'machine a.test login u password "s3cr3t'],
    ["an unknown token", "machine a.test login u s3cr3t password p"],
    ["a value that is missing", "machine a.test login u password"],
    ["a login before any machine", "login u password s3cr3t"],
    ["a password before any machine", "password s3cr3t"],
    ["no netrc at all", "<html>s3cr3t</html>"]
  ] as const) {
    it(`refuses ${what}, and does not quote it`, () => {
      const result = parse(text)
      assert.isTrue(Either.isLeft(result))
      assert.notInclude(String(Either.getLeft(result)), "s3cr3t")
    })
  }

  it("terminates for any text", () => {
    const word = FastCheck.constantFrom(
      "machine",
      "default",
      "login",
      "password",
      "account",
      "macdef",
      "#",
      '"',
      "\\",
      "\n",
      "\n\n",
      " ",
      "a.test",
      "x"
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(word, { maxLength: 30 }), (words) => {
        const text = words.join(" ")
        const result = parse(text)
        if (Either.isRight(result))
          assert.strictEqual(show(result.right("nobody.names.this")).includes("machine a"), false)
      }),
      { seed: 8, numRuns: 500 }
    )
  })
})

const inFolder = <A>(use: (folder: string) => Effect.Effect<A>) =>
  Effect.acquireUseRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "netrc-"))),
    use,
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  )

/** The entry for a.test, and the log messages. */
const reading = (path: string, guarded: boolean) =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      logged.push(`${logLevel.label} ${String(message)}`)
    })
    const netrc = yield* read(path, guarded).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
    return { found: show(netrc("a.test")), logged }
  })

const entry = "machine a.test login u password s3cr3t"

const maxSize = 128 * 1024

const files: ReadonlyArray<{
  readonly what: string
  readonly make: (path: string) => Promise<unknown>
  readonly guarded?: boolean
  readonly found: string
  readonly warned: boolean
}> = [
  { what: "a file", make: (path) => writeFile(path, entry), found: "u s3cr3t", warned: false },
  { what: "no file", make: () => Promise.resolve(), found: "nothing", warned: false },
  { what: "a directory", make: (path) => mkdir(path), found: "nothing", warned: true },
  { what: "a FIFO", make: (path) => promisify(execFile)("mkfifo", [path]), found: "nothing", warned: true },
  { what: "a malformed file", make: (path) => writeFile(path, `${entry} bogus`), found: "nothing", warned: true },
  {
    what: "a file of 128 KiB",
    make: (path) => writeFile(path, `${entry}\n#${"x".repeat(maxSize - entry.length - 2)}`),
    found: "u s3cr3t",
    warned: false
  },
  {
    what: "a file of a byte more",
    make: (path) => writeFile(path, `${entry}\n#${"x".repeat(maxSize - entry.length - 1)}`),
    found: "nothing",
    warned: true
  },
  {
    what: "a line of 10 MB",
    make: (path) => writeFile(path, `${entry} ${"x".repeat(10_000_000)}`),
    found: "nothing",
    warned: true
  },
  { what: "binary", make: (path) => writeFile(path, Buffer.from([0xff, 0, 0xfe, 10])), found: "nothing", warned: true },
  {
    what: "a file open to others, by NETRC",
    make: (path) => writeFile(path, entry).then(() => chmod(path, 0o644)),
    found: "u s3cr3t",
    warned: false
  }
]

/** Modes with each single permission of group and others, and modes with permissions of the owner only. */
const modes: ReadonlyArray<readonly [mode: number, found: string]> = [
  [0o600, "u s3cr3t"],
  [0o400, "u s3cr3t"],
  [0o700, "u s3cr3t"],
  [0o640, "nothing"],
  [0o620, "nothing"],
  [0o610, "nothing"],
  [0o604, "nothing"],
  [0o602, "nothing"],
  [0o601, "nothing"],
  [0o644, "nothing"],
  [0o677, "nothing"]
]

describe.runIf(process.platform !== "win32")("the netrc file", () => {
  for (const [mode, found] of modes) {
    it.effect(`in the home directory with mode 0${mode.toString(8)} provides ${found}`, () =>
      inFolder((folder) =>
        Effect.gen(function* () {
          const path = join(folder, "netrc")
          yield* Effect.promise(() => writeFile(path, entry).then(() => chmod(path, mode)))
          const result = yield* reading(path, true)
          assert.strictEqual(result.found, found)
          assert.strictEqual(result.logged.length, found === "nothing" ? 1 : 0)
        })
      )
    )
  }

  for (const { found, guarded = false, make, warned, what } of files) {
    it.effect(`with ${what} provides ${found}`, () =>
      inFolder((folder) =>
        Effect.gen(function* () {
          const path = join(folder, "netrc")
          yield* Effect.promise(() => make(path))
          const result = yield* reading(path, guarded)
          assert.strictEqual(result.found, found)
          assert.strictEqual(result.logged.length, warned ? 1 : 0)
          for (const line of result.logged) {
            assert.match(line, /^WARN /)
            assert.notInclude(line, "s3cr3t")
          }
        })
      )
    )
  }

  // Only the superuser can change the owner of a file.
  it.effect.runIf(process.getuid?.() === 0)("in the home directory that belongs to another user provides nothing", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "netrc")
        yield* Effect.promise(() => writeFile(path, entry).then(() => chmod(path, 0o600)))
        yield* Effect.promise(() => chown(path, 1, 1))
        const result = yield* reading(path, true)
        assert.strictEqual(result.found, "nothing")
        assert.strictEqual(result.logged.length, 1)
      })
    )
  )

  // The superuser can read every file.
  it.effect.runIf(process.getuid?.() !== 0)("without read permission provides nothing", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "netrc")
        yield* Effect.promise(() => writeFile(path, entry).then(() => chmod(path, 0)))
        const result = yield* reading(path, false)
        assert.strictEqual(result.found, "nothing")
        assert.strictEqual(result.logged.length, 1)
      })
    )
  )
})
