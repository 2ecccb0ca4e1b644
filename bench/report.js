/**
 * docs/benchmarks.md and its chart.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { warmUp } from "./processes.js"

const file = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url))

const ratio = (value) => value.toFixed(2)

const requestTable = ({ rows, title }) =>
  [
    `## ${title}`,
    "",
    "| client | throughput | CPU per request | connections |",
    "| --- | --- | --- | --- |",
    ...rows.map((row) => `| ${row.name} | ${ratio(row.throughput)} | ${ratio(row.cpu)} | ${row.connections} |`),
    ""
  ].join("\n")

const streamTable = (streams, direction, size, rounds) => {
  const rows = streams.filter((row) => row.direction === direction)
  if (rows.length === 0) return ""
  return [
    `## ${direction === "upload" ? "An" : "A"} ${direction} of ${size} MiB`,
    "",
    `| way | speed over the bare socket | growth of RSS by the first | by all ${rounds + 1} |`,
    "| --- | --- | --- | --- |",
    ...rows.map(
      (row) =>
        `| ${row.name} | ${ratio(row.speed)} | ${Math.round(row.grown)} MiB | ${Math.round(row.grownAtLast)} MiB |`
    ),
    ""
  ].join("\n")
}

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

const chart = ({ rows, title }) => {
  const height = 26
  const left = 280
  const scale = 380 / Math.max(...rows.map((row) => row.throughput))
  const bars = rows.map((row, index) => {
    const y = 40 + index * height
    const width = Math.max(1, row.throughput * scale)
    const fill = row.name.startsWith("ours") ? "#2563eb" : "#94a3b8"
    return (
      `<text x="${left - 8}" y="${y + 15}" text-anchor="end">${escape(row.name)}</text>` +
      `<rect x="${left}" y="${y + 3}" width="${width.toFixed(1)}" height="17" fill="${fill}"/>` +
      `<text x="${(left + width + 6).toFixed(1)}" y="${y + 15}">${ratio(row.throughput)}</text>`
    )
  })
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="740" height="${50 + rows.length * height}" font-family="sans-serif" font-size="13">` +
    `<title>Throughput over undici.request: ${escape(title)}</title>` +
    `<rect width="100%" height="100%" fill="white"/>` +
    `<text x="10" y="22" font-weight="bold">Throughput over undici.request: ${escape(title)}</text>${bars.join("")}</svg>\n`
  )
}

export const report = ({ load, queue, rounds, seconds, server, streamSize, streams, tables }) => {
  const [first] = tables
  if (first !== undefined) writeFileSync(file("benchmarks.svg"), chart(first))
  const text = [
    "# Benchmarks",
    "",
    `Ratios over \`undici.request\` from one run of \`BENCH_ROUNDS=${rounds} BENCH_SECONDS=${seconds} BENCH_STREAM=${streamSize} npm run bench\`: each client in a process of its own, which take turns of`,
    `${seconds} s after ${warmUp} s of warm-up, the medians of the ratios of ${rounds} rounds, against ${server}, on Node`,
    `${process.versions.node}. A throughput above 1 is faster, CPU below 1 is cheaper. Connections are all that a client opened, warm-up`,
    "included; some give up those that are idle while others have their turns. Absolute times say more about the machine than about a",
    "client and are not given.",
    "",
    "![Throughput over undici.request](benchmarks.svg)",
    "",
    ...tables.map(requestTable),
    streamTable(streams, "download", streamSize, rounds),
    streamTable(streams, "upload", streamSize, rounds),
    "## Memory and import",
    "",
    `- A request that waits for a slot costs ${queue.bytes} bytes of heap, of which ${queue.fiber} are those of its fiber (1000 requests behind a`,
    "  limit of 10).",
    `- Importing \`effect-http-session\` takes ${ratio(load)} times as long as importing \`effect\`.`,
    ""
  ].join("\n")
  writeFileSync(file("benchmarks.md"), text)
}
