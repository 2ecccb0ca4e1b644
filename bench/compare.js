/** The CPU time of functions that do the same, which take turns in one process. */
import { median } from "./processes.js"

/** Turns of each function; the first ones, in which it is compiled, do not count. */
const turns = 21
const warmUp = 5

const cpuOf = (one) => {
  const before = process.cpuUsage()
  one()
  const { system, user } = process.cpuUsage(before)
  return user + system
}

/** The CPU time of each function over that of the first, by name: the medians of the ratios in each turn. */
export const compare = (functions) => {
  const names = Object.keys(functions)
  const times = Array.from({ length: warmUp + turns }, () => names.map((name) => cpuOf(functions[name]))).slice(warmUp)
  return Object.fromEntries(names.map((name, at) => [name, median(times.map((row) => row[at] / row[0]))]))
}
