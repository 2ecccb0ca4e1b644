/** Compares the CPU times of functions that do the same. They take turns in one process. */
import { median } from "./processes.js"

/** Turns of each function that count, and turns before, in which V8 compiles it. */
const turns = 21
const warmUp = 5

const cpuOf = (one) => {
  const before = process.cpuUsage()
  one()
  const { system, user } = process.cpuUsage(before)
  return user + system
}

/** The CPU time of each function over that of the first one, by name: the median of the ratios of all turns. */
export const compare = (functions) => {
  const names = Object.keys(functions)
  const times = Array.from({ length: warmUp + turns }, () => names.map((name) => cpuOf(functions[name]))).slice(warmUp)
  return Object.fromEntries(names.map((name, at) => [name, median(times.map((row) => row[at] / row[0]))]))
}
