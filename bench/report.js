/** Writes docs/benchmarks.md and its chart from the recorded results of all parts. By itself: node bench/report.js */
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

/** The comment on a part, which follows the tables of the part. */
const commentOf = (part) => {
  const path = file(`./comments/${part}.md`)
  return existsSync(path) ? readFileSync(path, "utf8") : undefined
}

const introduction = ({ node, server, settings: { rounds, seconds, warmUp } }) => `# Benchmarks

\`npm run bench\` writes this page and its chart. The figures are from one machine, with Node ${node} and ${server} as the server. \`npm run bench -- <part>\` measures one part again.

Each client runs in its own process. The clients take turns of ${seconds} s after ${warmUp} s of warm-up, and each is compared with the first one of its table in the same round. Figures are medians of the ratios of ${rounds} rounds: a throughput above 1 is faster, and a CPU time below 1 is cheaper. Connections are all that a client opened, including the warm-up; some clients close connections that are idle while others have their turns. There are no absolute times, because they depend more on the machine than on the client. Parts are not recorded while other programs use the CPU.

The floors are lower bounds for the cost of a client: a bare socket per worker, which relies on Content-Length. Floor b is a program in Effect. Floor c adds a guard that every correct client in Effect needs: it closes the socket of an interrupted request.

![How many times as fast as the best other client](benchmarks.svg)
`

/** Writes the page and the chart if there are results. */
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
