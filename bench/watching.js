/**
 * What it costs to watch: the throughput of the decoder with one reader of signals, and with spans under a parent, over
 * the decoder alone in the same round. Prints the medians. Run `npm run bench` once before: it installs and builds.
 *
 * BENCH_ROUNDS (21), BENCH_SECONDS (1.5).
 */
import { fork, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { startNginx } from "./nginx.js"

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const rounds = Number(process.env.BENCH_ROUNDS ?? 21)
const seconds = process.env.BENCH_SECONDS ?? "1.5"

const plain = "ours: decoder behind a verb"
const watched = ["ours: decoder, one reader of signals", "ours: decoder, spans under a parent"]

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]

const perSecond = (name, url) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [here("./client.js"), name, url, "50", seconds], {
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`${name}: ${stderr}`)
  return JSON.parse(stdout.trim().split("\n").at(-1)).perSecond
}

const child = fork(here("./server.js"))
const own = await new Promise((resolve) => child.once("message", ({ port }) => resolve(`http://127.0.0.1:${port}`)))
const nginx = await startNginx()
const url = `${nginx?.url ?? own}/small`

const costs = new Map(watched.map((name) => [name, []]))
for (let round = 0; round < rounds; round++) {
  const base = perSecond(plain, url)
  for (const name of watched) costs.get(name).push(1 - perSecond(name, url) / base)
}
for (const [name, all] of costs) {
  const percent = all.map((cost) => Math.round(cost * 100))
  console.log(`${name}: ${Math.round(median(all) * 100)} % of throughput (${percent.join(", ")})`)
}
child.disconnect()
nginx?.stop()
process.exit(0)
