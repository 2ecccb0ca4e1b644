/** The settings of a run, from variables of the environment. */
export const rounds = Number(process.env.BENCH_ROUNDS ?? 11)

/** Seconds per turn. */
export const seconds = Number(process.env.BENCH_SECONDS ?? 0.4)

/** Seconds that a client runs before it is measured. */
export const warmUp = Number(process.env.BENCH_WARM_UP ?? 2)

/** Size of a download and an upload in MiB. */
export const streamSize = Number(process.env.BENCH_STREAM ?? 1024)

/** Number of requests of the long run, over which RSS must not grow. */
export const longRun = Number(process.env.BENCH_REQUESTS ?? 1_000_000)

/** A part of the names of the clients to measure. The first client of a table is always measured. */
export const only = process.env.BENCH_ONLY ?? ""

/** The highest load at which results are recorded, instead of the limit of `load.js`. */
export const highestLoad = process.env.BENCH_LOAD === undefined ? undefined : Number(process.env.BENCH_LOAD)
