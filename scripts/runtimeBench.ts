/**
 * Measures a decoder of this package and the runtime's own fetch on Node, Bun and Deno, with one server on Node. All
 * clients take turns in one run. Prints requests per second of CPU time, on which other programs have the least
 * influence, as ratios over fetch on Node. `--write` writes them to docs/runtimes.md.
 */
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { report, root } from "./project.js"
import type { Turn } from "./runtimes/benchClient.js"
import { install, otherRuntimes, type RuntimeName, startProgram } from "./runtimes/runtimes.js"
import { section, table } from "./runtimes/section.js"

const rounds = Number(process.env.BENCH_ROUNDS ?? 9)

const names: ReadonlyArray<RuntimeName> = ["node", ...otherRuntimes]

const kinds = ["fetch", "decoder"] as const

const cases = [
  ["/small", 50],
  ["/small", 1],
  ["/large", 50]
] as const

interface Client {
  readonly name: RuntimeName
  readonly kind: (typeof kinds)[number]
  readonly child: ChildProcess
  /** Requests per second of CPU time in one turn. */
  readonly turn: (path: string, concurrency: number) => Promise<number>
}

const startServer = (): Promise<{ readonly child: ChildProcess; readonly url: string }> =>
  new Promise((resolve) => {
    const child = fork(join(root, "bench/nodeServer.js"))
    child.once("message", ({ port }: { readonly port: number }) => resolve({ child, url: `http://127.0.0.1:${port}` }))
  })

const startClient = (name: RuntimeName, kind: Client["kind"], url: string): Client => {
  const child = startProgram(name, "scripts/runtimes/benchClient.ts", kind)
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error("expected pipes to the client")
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const turn = async (path: string, concurrency: number): Promise<number> => {
    const asked: Turn = { url: url + path, concurrency, millis: 400 }
    stdin.write(`${JSON.stringify(asked)}\n`)
    const line = await lines.next()
    if (line.done === true) throw new Error(`${name}, ${kind}: the client ended`)
    return Number(line.value)
  }
  return { name, kind, child, turn }
}

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

/** The median of the ratios of each client over the first one in the same round. */
const measure = async (clients: ReadonlyArray<Client>, path: string, concurrency: number) => {
  const ratios = clients.map((): Array<number> => [])
  for (let round = -2; round < rounds; round++) {
    let base = 1
    for (const [index, client] of clients.entries()) {
      const perCpuSecond = await client.turn(path, concurrency)
      if (index === 0) base = perCpuSecond
      // The first rounds warm up.
      if (round >= 0) ratios[index]?.push(perCpuSecond / base)
    }
  }
  return ratios.map((each) => median(each).toFixed(2))
}

const title = { node: "Node", bun: "Bun", deno: "Deno" } as const

install()
const { child: server, url } = await startServer()
const clients = names.flatMap((name) => kinds.map((kind) => startClient(name, kind, url)))
const columns: Array<ReadonlyArray<string>> = []
for (const [path, concurrency] of cases) columns.push(await measure(clients, path, concurrency))
for (const { child } of [...clients, { child: server }]) child.kill()

const head = [
  "client",
  ...cases.map(([path, count]) => `${path === "/small" ? "65 bytes" : "64 KiB"}, ${count} at once`)
]
const rows = clients.map(({ kind, name }, index) => [
  `${title[name]}, ${kind === "fetch" ? "its fetch" : "a decoder of this package"}`,
  ...columns.map((column) => column[index] ?? "")
])
const text = table(head, rows)
console.log(text)
if (process.argv.includes("--write")) section("bench", text)
report([], "measured")
