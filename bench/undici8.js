/**
 * Compares this package with undici 8 over HTTP/2, which `npm run bench` cannot: undici 8 needs Node 22.19. Installs it
 * into .tmp. Run `npm run bench -- http2` once before, which builds and installs the rest.
 *
 * Usage: npx -p node@24 node bench/undici8.js
 */
import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Effect, Layer, ManagedRuntime } from "effect"
import { ClientResponse, Session, Ssl } from "../dist/bundle/index.js"
import { makeCertificate } from "./certificate.js"
import { startNginx } from "./nginxServer.js"
import { median } from "./processes.js"
import { ratio } from "./table.js"

const concurrency = 50
const rounds = 11
const millis = 400
const warmUp = 2000

const folder = fileURLToPath(new URL("../.tmp/undici8", import.meta.url))
mkdirSync(folder, { recursive: true })
execFileSync("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "undici@8"], { stdio: "inherit" })
const { Agent, request } = await import(pathToFileURL(`${folder}/node_modules/undici/index.js`))

const certificate = await makeCertificate()
const nginx = await startNginx(certificate)
if (nginx === undefined) throw new Error("expected nginx to be installed")
const url = `${nginx.secureUrl}/small`

const dispatcher = new Agent({ allowH2: true, connect: { ca: certificate.cert } })
const runtime = ManagedRuntime.make(
  Layer.unwrapEffect(
    Effect.map(Ssl.context({ ca: certificate.cert }), (ssl) =>
      Session.layer({ connector: { limit: 0, http2: true, ssl } })
    )
  )
)
const session = await runtime.runPromise(Session.Session)

let running = false
let requests = 0

const withUndici = () =>
  Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (running) {
        const { body } = await request(url, { dispatcher })
        await body.json()
        requests++
      }
    })
  )

const withOurs = () => {
  const worker = Effect.whileLoop({
    while: () => running,
    body: () => ClientResponse.json(session.get(url)),
    step: () => {
      requests++
    }
  })
  return runtime.runPromise(Effect.all(Array(concurrency).fill(worker), { concurrency: "unbounded", discard: true }))
}

const turn = async (start, time) => {
  running = true
  requests = 0
  const before = { cpu: process.cpuUsage(), time: performance.now() }
  const ended = start()
  await new Promise((resolve) => setTimeout(resolve, time))
  const { system, user } = process.cpuUsage(before.cpu)
  const result = { perSecond: requests / (performance.now() - before.time), cpu: (user + system) / requests }
  running = false
  await ended
  return result
}

await turn(withUndici, warmUp)
await turn(withOurs, warmUp)
const pairs = []
for (let round = 0; round < rounds; round++) {
  const peer = await turn(withUndici, millis)
  pairs.push([peer, await turn(withOurs, millis)])
}
const over = (what) => ratio(median(pairs.map(([peer, own]) => own[what] / peer[what])))
console.log(`Over undici 8 with allowH2, ${concurrency} at a time: throughput ${over("perSecond")}, CPU ${over("cpu")}`)
await runtime.dispose()
await dispatcher.close()
nginx.stop()
