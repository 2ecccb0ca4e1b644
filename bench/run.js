/**
 * Runs the benchmark. The clients run in their own processes and take turns. They send requests to nginx, if it is
 * installed, or to a server on Node, which also serves the large transfers. Each part records its tables in its own
 * file; docs/benchmarks.md and its chart are made from all of them.
 *
 * Usage: npm run bench [-- <part> ...]. settings.js reads variables of the environment. Without nginx, the parts for
 * HTTP/2 and many origins are skipped.
 */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { makeCertificate } from "./certificate.js"
import { describeLoad, isTooHigh, load } from "./load.js"
import { startNginx } from "./nginxServer.js"
import { here, startNodeServer } from "./processes.js"
import { parts, report } from "./report.js"
import { record } from "./results.js"
import { rounds, seconds, warmUp } from "./settings.js"
import { show } from "./table.js"

const wanted = process.argv.slice(2)
const unknown = wanted.filter((part) => !parts.includes(part))
if (unknown.length > 0) throw new Error(`unknown part ${unknown.join(", ")}; expected ${parts.join(", ")}`)

const before = load()
console.log(describeLoad(before))
if (isTooHigh(before, false)) throw new Error("other programs use the CPU; run the benchmark when the machine is quiet")

if (!existsSync(here("./node_modules"))) {
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: here("."), stdio: "inherit" })
}
if (process.env.BENCH_BUILD !== "no") execFileSync("npm", ["run", "build"], { cwd: here(".."), stdio: "inherit" })

const certificate = await makeCertificate()
const node = await startNodeServer(certificate)
const nginx = await startNginx(certificate)
const context = {
  certificate,
  nginx: nginx !== undefined,
  nodeUrl: node.url,
  url: (nginx ?? node).url,
  secureUrl: (nginx ?? node).secureUrl,
  show: (table) => {
    show(table)
    return table
  }
}

const unrecorded = []
for (const part of parts.filter((part) => wanted.length === 0 || wanted.includes(part))) {
  const began = performance.now()
  const { measure } = await import(`./parts/${part}.js`)
  const tables = await measure(context)
  const after = load()
  console.log(`${part}: ${Math.round((performance.now() - began) / 1000)} s, ${describeLoad(after)}`)
  if (isTooHigh(after, true)) unrecorded.push(part)
  else
    record(part, {
      tables,
      server: nginx === undefined ? "a server on Node" : "nginx with one worker",
      node: process.versions.node,
      settings: { rounds, seconds, warmUp }
    })
}
node.stop()
nginx?.stop()
report()
if (unrecorded.length > 0)
  throw new Error(`not recorded, because other programs used the CPU: ${unrecorded.join(", ")}`)
