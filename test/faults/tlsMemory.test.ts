/**
 * The memory of TLS: failed handshakes leave none, and a peer that sends much occupies little.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import * as Ssl from "effect-http-session/Ssl"
import { standard } from "../support/certificates.js"
import { secureSite } from "../support/secureSite.js"
import { sessionOn } from "../support/stages.js"
import { untilValue } from "../support/wait.js"

setFlagsFromString("--expose-gc")
const gc: () => void = runInNewContext("gc")

/** Bytes in use after a run of the garbage collector. */
const held = Effect.promise(async () => {
  for (let turn = 0; turn < 5; turn++) {
    await setImmediate()
    gc()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
})

const tagAndReason = (error: ClientError): string => ("reason" in error ? `${error._tag} ${error.reason}` : error._tag)

/** The slope of a line through the samples, and the difference between the means of its halves. */
const growth = (samples: ReadonlyArray<number>): { readonly slope: number; readonly halves: number } => {
  const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length
  const middle = (samples.length - 1) / 2
  const average = mean(samples)
  let above = 0
  let below = 0
  for (const [x, y] of samples.entries()) {
    above += (x - middle) * (y - average)
    below += (x - middle) ** 2
  }
  const half = Math.floor(samples.length / 2)
  return { slope: above / below, halves: mean(samples.slice(-half)) - mean(samples.slice(0, half)) }
}

describe("failed handshakes", () => {
  it.scopedLive(
    "leave no memory in use after 400 of them",
    () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const expired = yield* secureSite(set.expired)
        const wrong = yield* secureSite(set.wrongHost)
        const good = yield* secureSite(set.good)
        const ssl = yield* Ssl.context({ ca: set.ca })
        const pin = Ssl.fingerprint("ab".repeat(32))
        const { connector, session } = yield* sessionOn({ ssl })
        const rows = [
          [expired, ssl, "ClientConnectorSSLError Expired"],
          [wrong, ssl, "ClientConnectorCertificateError HostnameMismatch"],
          [good, pin, "FingerprintMismatch"],
          [good, true, "ClientConnectorSSLError UntrustedIssuer"]
        ] as const
        const other = yield* sessionOn()
        const batch = (count: number) =>
          Effect.gen(function* () {
            yield* Effect.forEach(
              Array.from({ length: count }),
              (_, index) => {
                const [at, own, expected] = rows[index % 4] ?? rows[0]
                const by = own === true ? other.session : session
                return by.get(at.url, { ssl: own, timeout: "10 seconds" }).pipe(
                  ClientResponse.text,
                  Effect.match({ onFailure: tagAndReason, onSuccess: () => "ok" }),
                  Effect.map((outcome) => assert.strictEqual(outcome, expected))
                )
              },
              { concurrency: 10, discard: true }
            )
            for (const at of [expired, wrong, good]) yield* untilValue(at.connections, (open) => open === 0)
          })
        // The first handshakes compile code.
        yield* batch(700)
        const samples: Array<number> = []
        for (let count = 0; count < 8; count++) {
          yield* batch(50)
          samples.push(yield* held)
        }
        const { halves, slope } = growth(samples)
        // If each attempt left its memory, 50 of them would leave 150 KiB, and much more with a socket.
        assert.isBelow(slope, 80 * 1024, samples.join(" "))
        assert.isBelow(halves, 320 * 1024, samples.join(" "))
        assert.deepStrictEqual((yield* connector.stats).acquired, 0)
        const wraps = process.getActiveResourcesInfo().filter((name) => /TLS/i.test(name))
        assert.deepStrictEqual(wraps, [])
      }),
    30_000
  )
})

const openssl = spawnSync("openssl", ["version"]).status === 0

/** OpenSSL's own server, which sends the configured number of tickets. */
const ticketing = (cert: string, key: string, tickets: number): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function* () {
    const base = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "ehs-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    writeFileSync(join(base, "cert.pem"), cert)
    writeFileSync(join(base, "key.pem"), key)
    const args = ["-accept", "127.0.0.1:0", "-cert", join(base, "cert.pem"), "-key", join(base, "key.pem")]
    const running = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn("openssl", ["s_server", "-www", "-tls1_3", "-num_tickets", `${tickets}`, ...args], {
          stdio: ["ignore", "pipe", "ignore"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    return yield* Effect.async<number>((resume) => {
      let text = ""
      running.stdout.on("data", (chunk) => {
        text += String(chunk)
        const port = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(text)?.[1]
        if (port !== undefined) resume(Effect.succeed(Number(port)))
      })
    })
  })

describe("TLS tickets", () => {
  it.scopedLive.skipIf(!openssl)(
    "are bounded if a server sends 10 000, and the next connection resumes one",
    () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const port = yield* ticketing(set.good.cert, set.good.key, 10_000)
        const { session } = yield* sessionOn({ ssl: yield* Ssl.context({ ca: set.ca }) })
        const url = `https://127.0.0.1:${port}/`
        const get = Effect.scoped(
          Effect.flatMap(session.get(url, { timeout: "20 seconds" }), (response) =>
            Effect.as(ClientResponse.text(Effect.succeed(response)), response.connection.tls?.resumed)
          )
        )
        assert.isFalse(yield* get)
        const before = yield* held
        assert.isTrue(yield* get)
        assert.isTrue(yield* get)
        const after = yield* held
        assert.isBelow(after - before, 1024 * 1024)
      }),
    30_000
  )
})
