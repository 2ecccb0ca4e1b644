/**
 * docs/benchmarks.md and its chart, made from the recorded results of all parts. Also run alone: node bench/report.js
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { chart } from "./chart.js"
import { recorded } from "./results.js"

/** The parts in the order of the page. */
export const parts = [
  "get",
  "post",
  "tls",
  "http2",
  "editions",
  "gzip",
  "closing",
  "origins",
  "crowd",
  "multipart",
  "streams",
  "webSocket",
  "events",
  "cookies",
  "memory",
  "imports"
]

const file = (name) => fileURLToPath(new URL(name, import.meta.url))

const line = (cells) => `| ${cells.join(" | ")} |`

const tableOf = ({ columns, note, rows, title }) =>
  [
    `## ${title}`,
    "",
    line(columns),
    line(columns.map(() => "---")),
    ...rows.map(line),
    "",
    ...(note === undefined ? [] : [note, ""])
  ].join("\n")

/** The comment that a person wrote about a part; it follows the tables of the part. */
const commentOf = (part) => {
  const path = file(`./comments/${part}.md`)
  return existsSync(path) ? readFileSync(path, "utf8") : undefined
}

const introduction = ({ node, server, settings: { rounds, seconds, warmUp } }) => `# Benchmarks

\`npm run bench\` wrote this page and its chart with the figures of one machine, on Node ${node} against ${server}; \`npm run bench -- <part>\` measures a part again.

Each client is a process of its own. They take turns of ${seconds} s after ${warmUp} s of warm-up, and each is compared with the first one of its table in the same round. Figures are medians of the ratios of ${rounds} rounds: a throughput above 1 is faster, CPU below 1 is cheaper. Connections are all that a client opened, warm-up included; some clients close connections that are idle while others have their turns. Absolute times say more about the machine than about a client and are not given. A part is not recorded if the machine had other work to do.

Floors are the least that a client can cost: a bare socket per worker, which expects a Content-Length in each reply. Floor b is a program in Effect. Floor c adds what every correct client in Effect needs: a request can be interrupted, and then closes its socket.

![How many times as fast as the best other client](benchmarks.svg)
`

/** Writes the page, if there are results. */
export const report = () => {
  const found = parts.flatMap((part) => {
    const result = recorded(part)
    return result === undefined ? [] : [{ part, result }]
  })
  if (found.length === 0) return
  const headlines = found.flatMap(({ result }) => result.tables.flatMap((table) => table.headlines))
  const sections = found.flatMap(({ part, result }) => [
    ...result.tables.map(tableOf),
    ...[commentOf(part)].filter((comment) => comment !== undefined)
  ])
  writeFileSync(file("../docs/benchmarks.svg"), chart(headlines))
  writeFileSync(file("../docs/benchmarks.md"), `${[introduction(found[0].result), ...sections].join("\n").trimEnd()}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) report()
