/**
 * The influence of the environment on trust: it can add authorities if the program sets none, and never disables
 * verification.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { standard } from "../support/certificates.js"
import { outputOf } from "../support/child.js"
import { secureSite } from "../support/secureSite.js"

const refused = "ClientConnectorSSLError UntrustedIssuer"
const mistaken = "ClientConnectorCertificateError HostnameMismatch"

describe("the default trust", () => {
  it.scopedLive(
    "consists of the authorities of Node and of the environment, and is never empty",
    () =>
      Effect.gen(function* () {
        const { ca, good, untrustedAuthority, wrongHost } = yield* standard()
        const base = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "ehs-"))),
          (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
        )
        const file = join(base, "ca.pem")
        writeFileSync(file, ca)
        const right = yield* secureSite(good)
        const wrong = yield* secureSite(wrongHost)
        const off = { NODE_TLS_REJECT_UNAUTHORIZED: "0", NODE_NO_WARNINGS: "1" }
        const none = { default: refused, context: refused, beside: refused, alone: refused, noAuthority: refused }
        const rows = [
          [right, off, none],
          [right, { NODE_EXTRA_CA_CERTS: file }, { ...none, default: "ok", context: "ok", beside: "ok" }],
          [
            wrong,
            { NODE_EXTRA_CA_CERTS: file, ...off },
            { ...none, default: mistaken, context: mistaken, beside: mistaken }
          ],
          [
            right,
            { NODE_OPTIONS: "--use-openssl-ca", SSL_CERT_FILE: file },
            // Node does not list the authorities that this option names, so they cannot be trusted beside others.
            { ...none, default: "ok", context: "ok" }
          ]
        ] as const
        const seen = yield* Effect.forEach(
          rows,
          ([at, env]) =>
            Effect.map(outputOf("trust", [at.url, untrustedAuthority.ca.cert], { env }), (text): unknown =>
              JSON.parse(text)
            ),
          { concurrency: 2 }
        )
        const expected: ReadonlyArray<unknown> = rows.map((row) => row[2])
        assert.deepStrictEqual<ReadonlyArray<unknown>>(seen, expected)
        assert.strictEqual(wrong.received(), 0)
      }),
    60_000
  )
})
