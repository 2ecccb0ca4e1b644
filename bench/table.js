/**
 * Makes tables of results. Clients take turns, and each is compared with the first one in the same round, because the
 * speed of a shared machine changes from round to round.
 */
import { median } from "./processes.js"
import { only, rounds, seconds, warmUp } from "./settings.js"
import { interleave, startTurns } from "./turns.js"

export const ratio = (value) => value.toFixed(2)

/** Starts the processes of the clients in a file of `clients`. The others are compared with the first one. */
export const startClients = async (set, ...args) => {
  const { clients } = await import(`./clients/${set}.js`)
  const names = Object.keys(clients)
  const chosen = names.filter((name, index) => index === 0 || name.includes(only))
  return Promise.all(chosen.map((name) => startTurns("./client.js", name, set, ...args)))
}

export const stopAll = (clients) => {
  for (const { stop } of clients) stop()
}

/** The median of the ratios of one client over another in all rounds. */
export const over = (answers, name, base, what) => {
  const others = answers.get(base)
  return median(answers.get(name).map((row, round) => row[what] / others[round][what]))
}

const columnsOf = {
  throughput: ["throughput", "perSecond"],
  cpu: ["CPU per request", "cpu"],
  p50: ["time of the median", "p50"],
  p99: ["time of the 99th percentile", "p99"]
}

const ours = (name) => name.startsWith("ours")
/** Whether a row is not another client: a floor, or this package in an operator of Effect or over HTTP/1.1. */
const isReference = (name) => /^(floor|Effect\.|HTTP\/1\.1)/.test(name)
const higherIsBetter = (what) => what === "throughput"

/** Compares the first row of this package with the best other client. */
const headlineOf = (label, answers, what) => {
  const [, key] = columnsOf[what]
  const names = [...answers.keys()]
  const own = names.find(ours)
  const peers = names.filter((name) => !ours(name) && !isReference(name))
  if (own === undefined || peers.length === 0) return []
  const value = (name) => over(answers, name, own, key)
  const best = peers.reduce((a, b) => (higherIsBetter(what) === value(b) > value(a) ? b : a))
  const times = over(answers, own, best, key)
  return [{ label, peer: best, times: higherIsBetter(what) ? times : 1 / times }]
}

const noteOf = (answers) => {
  const own = [...answers.keys()].find(ours)
  const floors = [...answers.keys()].filter((name) => /^floor [bc]/.test(name))
  if (own === undefined || floors.length === 0) return undefined
  const ratios = floors.map((floor) => {
    const [throughput, cpu] = ["perSecond", "cpu"].map((what) => ratio(over(answers, own, floor, what)))
    return `over ${floor.slice(0, 7)}: throughput ${throughput}, CPU ${cpu}`
  })
  return `Our decoder ${ratios.join("; ")}.`
}

/**
 * Measures one table. `question` is the message to the clients except the time of their turn, `columns` are keys of
 * `columnsOf`, and `label` is the name of the table in the chart, which shows the column `headline`. `note` makes a
 * sentence for below the table; its argument returns the CPU time of one client over that of another.
 */
export const measureTable = async (clients, title, question, options = {}) => {
  const { columns = ["throughput", "cpu"], headline = "throughput", label, note } = options
  const turn = (time) => ({ concurrency: 1, ...question, millis: time * 1000 })
  const first = await interleave(clients, 1, turn(warmUp))
  const answers = await interleave(clients, rounds, turn(seconds))
  const base = clients[0].name
  const rows = clients.map(({ name }) => {
    const connections = [...first.get(name), ...answers.get(name)].reduce((sum, row) => sum + row.connections, 0)
    return [
      name,
      ...columns.map((column) => ratio(over(answers, name, base, columnsOf[column][1]))),
      String(connections)
    ]
  })
  const cpu = (name, other) => ratio(over(answers, name, other, "cpu"))
  const notes = [noteOf(answers), note?.(cpu)].filter((sentence) => sentence !== undefined)
  return {
    title,
    columns: ["client", ...columns.map((column) => columnsOf[column][0]), "connections"],
    rows,
    note: notes.length === 0 ? undefined : notes.join("\n\n"),
    headlines: label === undefined ? [] : headlineOf(label, answers, headline)
  }
}

/** Prints a table. */
export const show = ({ columns, note, rows, title }) => {
  console.log(`\n${title}`)
  const [, ...others] = columns
  console.table(
    Object.fromEntries(
      rows.map(([name, ...cells]) => [name, Object.fromEntries(others.map((column, at) => [column, cells[at]]))])
    )
  )
  if (note !== undefined) console.log(note)
}
