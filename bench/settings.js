/** The settings of a run, from the environment. */
export const rounds = Number(process.env.BENCH_ROUNDS ?? 11)

/** Seconds of a turn. */
export const seconds = Number(process.env.BENCH_SECONDS ?? 0.4)

/** Seconds for which a client runs before it is measured. */
export const warmUp = Number(process.env.BENCH_WARM_UP ?? 2)

/** MiB of a download and an upload. */
export const streamSize = Number(process.env.BENCH_STREAM ?? 1024)

/** Requests over which the memory must stay flat. */
export const longRun = Number(process.env.BENCH_REQUESTS ?? 1_000_000)

/** A part of the names of clients: only these, and those that others are compared with. */
export const only = process.env.BENCH_ONLY ?? ""

/** The highest load of the machine at which results are recorded, in place of what `load.js` allows. */
export const highestLoad = process.env.BENCH_LOAD === undefined ? undefined : Number(process.env.BENCH_LOAD)
