/**
 * What it costs to watch: the throughput of the decoder with one reader of signals, and with spans under a parent, over
 * the decoder alone in the same round. Prints the medians. Run `npm run bench` once before: it installs and builds.
 *
 * BENCH_ROUNDS (21), BENCH_SECONDS (1.5).
 */
import { startNginx } from "./nginx.js"
import { median, run, startServer } from "./processes.js"

const rounds = Number(process.env.BENCH_ROUNDS ?? 21)
const seconds = process.env.BENCH_SECONDS ?? "1.5"

const plain = "ours: decoder behind a verb"
const watched = ["ours: decoder, one reader of signals", "ours: decoder, spans under a parent"]

const { child, url: own } = await startServer()
const nginx = await startNginx()
const url = `${nginx?.url ?? own}/small`

const perSecond = (name) => run("./client.js", [name, url, 50, seconds]).perSecond

const costs = new Map(watched.map((name) => [name, []]))
for (let round = 0; round < rounds; round++) {
  const base = perSecond(plain)
  for (const name of watched) costs.get(name).push(1 - perSecond(name) / base)
}
for (const [name, all] of costs) {
  const percent = all.map((cost) => Math.round(cost * 100))
  console.log(`${name}: ${Math.round(median(all) * 100)} % of throughput (${percent.join(", ")})`)
}
child.disconnect()
nginx?.stop()
process.exit(0)
