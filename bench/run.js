/**
 * The benchmark: every client in a process of its own, which all take turns, against nginx where it is installed, else
 * against one server on Node in another process, which serves the large transfers in any case. Each part writes its
 * tables to a file of its own; docs/benchmarks.md and its chart are made from all of them.
 *
 * Usage: npm run bench [-- <part> ...]. The variables of the environment are in settings.js. Without nginx there are no
 * rows for HTTP/2 and for many origins.
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
if (unknown.length > 0) throw new Error(`no part ${unknown.join(", ")}; there are ${parts.join(", ")}`)

const before = load()
console.log(describeLoad(before))
if (isTooHigh(before, false)) throw new Error("the machine has other work to do: run the benchmark when it is quiet")

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
  throw new Error(`not recorded, because the machine had other work to do: ${unrecorded.join(", ")}`)
