import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { Auth, type ClientRequest, type Session } from "effect-http-session"
import { type Origin, originServer, text, withSession } from "./support/proxied.js"

describe("netrc", () => {
  const netrcFile = (lines: string) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "netrc-"))),
        (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
      ),
      (folder) => join(folder, "netrc")
    ).pipe(Effect.tap((path) => Effect.promise(() => writeFile(path, lines))))

  const authorizations = (origin: Origin) =>
    origin.seen.map((request) => /^authorization\n(.*)$/im.exec(request)?.[1] ?? "none")

  const encoded = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`

  const rows: ReadonlyArray<{
    readonly what: string
    readonly lines: string
    readonly userinfo?: string
    readonly options?: ClientRequest.RequestOptions
    readonly session?: Session.SessionOptions
    readonly sent: string
  }> = [
    { what: "gives a target its credentials", lines: "machine 127.0.0.1 login u password p", sent: encoded("u:p") },
    { what: "gives default to any", lines: "default login d password e", sent: encoded("d:e") },
    { what: "gives nothing of other machines", lines: "machine other.test login u password p", sent: "none" },
    {
      what: "is not read without trustEnv",
      lines: "machine 127.0.0.1 login u password p",
      session: {},
      sent: "none"
    },
    {
      what: "is beaten by the URL",
      lines: "machine 127.0.0.1 login u password p",
      userinfo: "x:y@",
      sent: encoded("x:y")
    },
    {
      what: "gives no other's password to a name in the URL",
      lines: "machine 127.0.0.1 login other password p",
      userinfo: "user@",
      sent: encoded("user:")
    },
    {
      what: "gives a name in the URL the password of that login",
      lines: "machine 127.0.0.1 login other password o\nmachine 127.0.0.1 login user password p",
      userinfo: "user@",
      sent: encoded("user:p")
    },
    {
      what: "gives a name in the URL the password of default for that login",
      lines: "default login user password p",
      userinfo: "user@",
      sent: encoded("user:p")
    },
    {
      what: "gives nothing to a password without a name",
      lines: "machine 127.0.0.1 login user password p",
      userinfo: ":x@",
      sent: encoded(":x")
    },
    {
      what: "is beaten by auth",
      lines: "machine 127.0.0.1 login u password p",
      options: { auth: Auth.bearer("t") },
      sent: "Bearer t"
    },
    {
      what: "is beaten by a header",
      lines: "machine 127.0.0.1 login u password p",
      options: { headers: { authorization: "Own x" } },
      sent: "Own x"
    },
    {
      what: "is switched off by auth: false",
      lines: "machine 127.0.0.1 login u password p",
      options: { auth: false },
      sent: "none"
    }
  ]
  for (const { lines, options, sent, session = { trustEnv: true }, userinfo = "", what } of rows) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const origin = yield* originServer("plain")
        const path = yield* netrcFile(lines)
        yield* withSession(text(`http://${userinfo}127.0.0.1:${origin.port}/`, options), session).pipe(
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["NETRC", path]])))
        )
        assert.deepStrictEqual(authorizations(origin), [sent])
      })
    )
  }

  for (const [what, lines, options, sent] of [
    [
      "a machine's own, on each hop",
      "machine 127.0.0.1 login a password 1\nmachine localhost login b password 2",
      {},
      [encoded("a:1"), encoded("b:2")]
    ],
    ["nothing where the second has none", "machine 127.0.0.1 login a password 1", {}, [encoded("a:1"), "none"]],
    [
      "nothing if the second has no password",
      "machine 127.0.0.1 login a password 1\nmachine localhost login b",
      {},
      [encoded("a:1"), "none"]
    ],
    [
      "the second's in place of a token for the first",
      "machine localhost login b password 2",
      { auth: Auth.bearer("t") },
      ["Bearer t", encoded("b:2")]
    ]
  ] as const) {
    it.scopedLive(`across origins: ${what}`, () =>
      Effect.gen(function* () {
        const last = yield* originServer("last")
        const first = yield* originServer("first", {
          answer: (_request, response) => {
            response.writeHead(302, { location: `http://localhost:${last.port}/` }).end()
          }
        })
        const path = yield* netrcFile(lines)
        yield* withSession(text(`http://127.0.0.1:${first.port}/`, options), { trustEnv: true }).pipe(
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["NETRC", path]])))
        )
        assert.deepStrictEqual([...authorizations(first), ...authorizations(last)], [...sent])
      })
    )
  }
})
