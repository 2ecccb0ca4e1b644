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
    {
      what: "provides the credentials of a machine",
      lines: "machine 127.0.0.1 login u password p",
      sent: encoded("u:p")
    },
    {
      what: "provides the credentials of default to any machine",
      lines: "default login d password e",
      sent: encoded("d:e")
    },
    {
      what: "does not provide the credentials of another machine",
      lines: "machine other.test login u password p",
      sent: "none"
    },
    {
      what: "is not read without trustEnv",
      lines: "machine 127.0.0.1 login u password p",
      session: {},
      sent: "none"
    },
    {
      what: "yields to credentials in the URL",
      lines: "machine 127.0.0.1 login u password p",
      userinfo: "x:y@",
      sent: encoded("x:y")
    },
    {
      what: "does not provide the password of another login for a name in the URL",
      lines: "machine 127.0.0.1 login other password p",
      userinfo: "user@",
      sent: encoded("user:")
    },
    {
      what: "provides the password of that login for a name in the URL",
      lines: "machine 127.0.0.1 login other password o\nmachine 127.0.0.1 login user password p",
      userinfo: "user@",
      sent: encoded("user:p")
    },
    {
      what: "provides the password of default for a name in the URL with that login",
      lines: "default login user password p",
      userinfo: "user@",
      sent: encoded("user:p")
    },
    {
      what: "provides nothing for a URL with a password and no name",
      lines: "machine 127.0.0.1 login user password p",
      userinfo: ":x@",
      sent: encoded(":x")
    },
    {
      what: "yields to auth",
      lines: "machine 127.0.0.1 login u password p",
      options: { auth: Auth.bearer("t") },
      sent: "Bearer t"
    },
    {
      what: "yields to a header",
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
      "the credentials of each machine on its hop",
      "machine 127.0.0.1 login a password 1\nmachine localhost login b password 2",
      {},
      [encoded("a:1"), encoded("b:2")]
    ],
    [
      "nothing if the second machine has no entry",
      "machine 127.0.0.1 login a password 1",
      {},
      [encoded("a:1"), "none"]
    ],
    [
      "nothing if the entry of the second machine has no password",
      "machine 127.0.0.1 login a password 1\nmachine localhost login b",
      {},
      [encoded("a:1"), "none"]
    ],
    [
      "the credentials of the second machine in place of a token for the first",
      "machine localhost login b password 2",
      { auth: Auth.bearer("t") },
      ["Bearer t", encoded("b:2")]
    ]
  ] as const) {
    it.scopedLive(`provides for a redirect to another origin ${what}`, () =>
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
