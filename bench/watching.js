/**
 * Measures the cost of observation: the throughput of the decoder with one reader of signals, and with spans under a
 * parent, over the decoder alone in the same round. Prints the medians. Run `npm run bench` once before, which installs
 * the other clients and builds the package.
 *
 * BENCH_ROUNDS (51), BENCH_SECONDS (0.4).
 */
import { makeCertificate } from "./certificate.js"
import { startNginx } from "./nginxServer.js"
import { median, startNodeServer } from "./processes.js"
import { warmUp } from "./settings.js"
import { interleave, startTurns } from "./turns.js"

const rounds = Number(process.env.BENCH_ROUNDS ?? 51)
const seconds = Number(process.env.BENCH_SECONDS ?? 0.4)

const plain = "ours: decoder behind a verb"
const watched = ["ours: decoder, one reader of signals", "ours: decoder, spans under a parent"]

const certificate = await makeCertificate()
const node = await startNodeServer(certificate)
const nginx = await startNginx(certificate)
const urls = [`${(nginx ?? node).url}/small`]

const clients = await Promise.all([plain, ...watched].map((name) => startTurns("./client.js", name, "get")))
const turn = (seconds) => ({ urls, concurrency: 50, millis: seconds * 1000 })
await interleave(clients, 1, turn(warmUp))
const answers = await interleave(clients, rounds, turn(seconds))
const base = answers.get(plain)
for (const name of watched) {
  const costs = answers.get(name).map((row, round) => 1 - row.perSecond / base[round].perSecond)
  const percent = costs.map((cost) => Math.round(cost * 100))
  console.log(`${name}: ${Math.round(median(costs) * 100)} % of throughput (${percent.join(", ")})`)
}
for (const { stop } of clients) stop()
node.stop()
nginx?.stop()
process.exit(0)
