/** Measures a download and an upload of one large body. */
import { median } from "../processes.js"
import { rounds, streamSize } from "../settings.js"
import { streamVariants } from "../streamVariants.js"
import { ratio } from "../table.js"
import { interleave, startTurns } from "../turns.js"

const mebibyte = 1024 * 1024

const measureDirection = async (url, direction) => {
  const names = Object.keys(streamVariants).filter((name) => streamVariants[name].direction === direction)
  const transfers = await Promise.all(names.map((name) => startTurns("./stream.js", name)))
  await interleave(transfers, 1, { url, size: 16 * mebibyte })
  const first = await interleave(transfers, 1, { url, size: streamSize * mebibyte })
  const answers = await interleave(transfers, rounds, { url, size: streamSize * mebibyte })
  for (const { stop } of transfers) stop()
  const [base] = names
  const speed = (name, other) =>
    median(answers.get(name).map((row, round) => answers.get(other)[round].millis / row.millis))
  const rows = names.map((name) => {
    const grown = Math.round(first.get(name)[0].grown)
    const grownAtLast = Math.round(Math.max(...answers.get(name).map((row) => row.grown)))
    return [name, ratio(speed(name, base)), `${grown} MiB`, `${grownAtLast} MiB`]
  })
  const own = names.find((name) => name.startsWith("ours"))
  const peers = names.filter((name) => name.startsWith("undici"))
  const peer = peers.reduce((a, b) => (speed(b, own) > speed(a, own) ? b : a))
  const title = `${direction === "upload" ? "An" : "A"} ${direction} of ${streamSize} MiB`
  const columns = ["way", "speed over the bare socket", "growth of RSS by the first", `by all ${rounds + 1}`]
  return { title, columns, rows, headlines: [{ label: title, peer, times: speed(own, peer) }] }
}

export const measure = async ({ nodeUrl, show }) => {
  const tables = []
  for (const direction of ["download", "upload"]) tables.push(show(await measureDirection(nodeUrl, direction)))
  return tables
}
