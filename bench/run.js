/**
 * The benchmark: every client in a process of its own, which all take turns, against nginx where it is installed, else
 * against one server on Node in another process, which serves the large transfers in any case.
 * Prints ratios over undici.request and writes them to docs/benchmarks.md with a chart.
 *
 * BENCH_ROUNDS (15), BENCH_SECONDS (0.4), BENCH_ONLY (a part of the names), BENCH_STREAM (MiB, 1024; 0: none).
 */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { makeCertificate } from "./certificate.js"
import { startNginx } from "./nginx.js"
import { here, median, run, startServer, warmUp } from "./processes.js"
import { report } from "./report.js"
import { streamVariants } from "./streamVariants.js"
import { interleave, startTurns } from "./turns.js"
import { http2Variants, secureVariants, variants } from "./variants.js"

const rounds = Number(process.env.BENCH_ROUNDS ?? 15)
const seconds = Number(process.env.BENCH_SECONDS ?? 0.4)
const only = process.env.BENCH_ONLY ?? ""
const streamSize = Number(process.env.BENCH_STREAM ?? 1024)
const mebibyte = 1024 * 1024

if (!existsSync(here("./node_modules"))) {
  execFileSync("npm", ["install", "--no-audit", "--no-fund"], { cwd: here("."), stdio: "inherit" })
}
execFileSync("npm", ["run", "build"], { cwd: here(".."), stdio: "inherit" })

const certificate = await makeCertificate()
const { child, secureUrl, url } = await startServer(certificate)
const nginx = await startNginx(certificate)

const namesOf = (all) => Object.keys(all).filter((name) => name.includes(only) || name === Object.keys(all)[0])

const measureRequests = async (clients, url, concurrency) => {
  const turn = (seconds) => ({ url, concurrency, millis: seconds * 1000 })
  const first = await interleave(clients, 1, turn(warmUp))
  const results = await interleave(clients, rounds, turn(seconds))
  // Each beside the first of its own round: a shared machine is not as fast in one round as in the next.
  const base = results.get(clients[0].name)
  return clients.map(({ name }) => {
    const rows = results.get(name)
    const over = (what) => median(rows.map((row, round) => row[what] / base[round][what]))
    const connections = [...first.get(name), ...rows].reduce((sum, row) => sum + row.connections, 0)
    return { name, throughput: over("perSecond"), cpu: over("cpu"), connections }
  })
}

const tables = []
const measureTables = async (clients, base, paths, concurrencies = [50, 1]) => {
  for (const [title, path] of paths) {
    for (const concurrency of concurrencies) {
      const rows = await measureRequests(clients, base + path, concurrency)
      const table = { title: `${title}, concurrency ${concurrency}`, rows }
      tables.push(table)
      console.log(table.title)
      console.table(
        Object.fromEntries(
          rows.map((row) => [
            row.name,
            {
              "throughput x": row.throughput.toFixed(2),
              "CPU x": row.cpu.toFixed(2),
              connections: row.connections
            }
          ])
        )
      )
    }
  }
  for (const { stop } of clients) stop()
}

const plain = await Promise.all(namesOf(variants).map((name) => startTurns("./client.js", name)))
await measureTables(plain, nginx?.url ?? url, [
  ["JSON of 65 bytes", "/small"],
  ["JSON of 64 KiB", "/large"]
])
const secure = await Promise.all(
  namesOf(secureVariants).map((name) => startTurns("./client.js", name, certificate.cert))
)
await measureTables(secure, nginx?.secureUrl ?? secureUrl, [["JSON of 65 bytes over TLS 1.3", "/small"]])
// The server on Node speaks HTTP/1.1 only.
if (nginx !== undefined) {
  const http2 = await Promise.all(
    namesOf(http2Variants).map((name) => startTurns("./client.js", name, certificate.cert))
  )
  const title = "HTTP/2, over our own HTTP/1.1 with TLS: JSON of"
  await measureTables(http2, nginx.secureUrl, [[`${title} 65 bytes`, "/small"]], [500, 50, 1])
  const others = await Promise.all(
    namesOf(http2Variants).map((name) => startTurns("./client.js", name, certificate.cert))
  )
  await measureTables(others, nginx.secureUrl, [[`${title} 64 KiB`, "/large"]])
}

const streams = []
if (streamSize > 0) {
  const transfers = await Promise.all(Object.keys(streamVariants).map((name) => startTurns("./stream.js", name)))
  await interleave(transfers, 1, { url, size: 16 * mebibyte })
  const first = await interleave(transfers, 1, { url, size: streamSize * mebibyte })
  const results = await interleave(transfers, rounds, { url, size: streamSize * mebibyte })
  for (const { stop } of transfers) stop()
  const variantsOf = Object.entries(streamVariants)
  for (const [name, { direction }] of variantsOf) {
    const rows = results.get(name)
    // The first of each direction is the bare socket.
    const base = results.get(variantsOf.find(([, other]) => other.direction === direction)[0])
    streams.push({
      name,
      direction,
      speed: median(rows.map((row, round) => base[round].millis / row.millis)),
      grown: first.get(name)[0].grown,
      grownAtLast: Math.max(...rows.map((row) => row.grown))
    })
  }
  console.table(
    Object.fromEntries(
      streams.map((row) => [
        row.name,
        { "speed x": row.speed.toFixed(2), "RSS +MiB": Math.round(row.grown), "at last": Math.round(row.grownAtLast) }
      ])
    )
  )
}

const queue = run("./queue.js", [], ["--expose-gc"])
const load = median(Array.from({ length: 5 }, () => run("./load.js", ["../dist/index.js"]).millis))
const loadEffect = median(Array.from({ length: 5 }, () => run("./load.js", ["effect"]).millis))
console.log({
  heapPerWaitingRequest: queue.bytes,
  ofItsFiber: queue.fiber,
  importOverEffect: (load / loadEffect).toFixed(2)
})

child.disconnect()
nginx?.stop()
report({
  server: nginx === undefined ? "one server on Node" : "nginx with one worker",
  tables,
  streams,
  streamSize,
  queue,
  load: load / loadEffect,
  rounds,
  seconds
})
