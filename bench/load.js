/**
 * Whether the machine is quiet enough. Figures beside other work are about that work, so they are not recorded.
 */
import { availableParallelism, loadavg } from "node:os"
import { highestLoad } from "./settings.js"

const cores = availableParallelism()

/** The benchmark itself keeps a client and a server busy, and V8's threads beside them. */
const ofBenchmark = 1

/** The load of the last minute. */
export const load = () => loadavg()[0]

/** Whether there was more work than cores before a part; during one, the benchmark's own threads count too. */
export const isTooHigh = (load, during) => load > (highestLoad ?? cores + (during ? ofBenchmark : 0))

export const describeLoad = (load) => `load ${load.toFixed(2)} on ${cores} cores`
