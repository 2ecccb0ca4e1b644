/**
 * Connections and lookups in a broken network, on systems that allow network namespaces.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { children, output } from "../support/child.js"

const isolates =
  process.platform === "linux" &&
  spawnSync("unshare", ["-rnm", "sh", "-c", "command -v ip && mount --bind /etc/hosts /etc/resolv.conf"]).status === 0

describe("dialling in a separate network namespace", () => {
  it.scopedLive.skipIf(!isolates)(
    "fails with typed errors within its limits if it finds no route, no answer, no port or no name server",
    () =>
      Effect.gen(function* () {
        const base = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "ehs-"))),
          (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
        )
        writeFileSync(join(base, "resolv.conf"), "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
        const script = [
          `mount --bind ${base}/resolv.conf /etc/resolv.conf`,
          "ip link set lo up",
          `exec "$0" --import tsx ${children("namespace")}`
        ].join(" && ")
        const seen = JSON.parse(yield* output("unshare", ["-rnm", "sh", "-c", script, process.execPath]))
        const within = ({ millis }: { readonly millis: number }, least: number, most = least + 2000) => {
          assert.isAtLeast(millis, least)
          assert.isBelow(millis, most)
        }

        assert.deepStrictEqual(seen.routes, {
          "10.1.0.1": "ClientConnectorError EINVAL",
          "10.2.0.1": "ClientConnectorError EHOSTUNREACH",
          "10.3.0.1": "ClientConnectorError EACCES",
          "10.99.0.1": "ClientConnectorError ENETUNREACH"
        })

        const [one, two, three] = seen.silence.ended
        assert.deepStrictEqual(
          [one.result, two.result, three.result],
          [
            "ConnectionTimeoutError socketConnect connect",
            "ConnectionTimeoutError connect connect",
            "TotalTimeoutError"
          ]
        )
        within(one, 300)
        within(two, 400)
        within(three, 500)
        assert.strictEqual(seen.silence.left, 0)

        assert.strictEqual(seen.eyeballs.result, "ok")
        within(seen.eyeballs, 250)

        assert.deepStrictEqual(seen.ports, { outcomes: ["ClientConnectorError EADDRNOTAVAIL", "ok"], after: "ok" })

        // Each caller is free at its time, though the system's lookups go on; files, compression, addresses and other
        // resolvers do not wait for them. Names of the system do.
        assert.strictEqual(seen.lookups.hung.length, 8)
        for (const one of seen.lookups.hung) {
          assert.strictEqual(one.result, "ConnectionTimeoutError dns dns")
          within(one, 700)
        }
        const { address, file, gunzip, systemName } = seen.lookups.meanwhile
        assert.strictEqual(address.result, "ok")
        assert.include(file.result, "nameserver 127.0.0.1")
        assert.strictEqual(gunzip.result, 100_000)
        for (const one of [address, file, gunzip]) within(one, 0)
        assert.strictEqual(systemName.result, "ConnectionTimeoutError dns dns")
        assert.strictEqual(seen.lookups.own.result, "ClientConnectorDNSError ETIMEOUT")
      }),
    60_000
  )
})
