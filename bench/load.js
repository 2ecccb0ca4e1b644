/** Decides whether the machine is quiet enough. Results are not recorded while other programs use the CPU. */
import { availableParallelism, loadavg } from "node:os"
import { highestLoad } from "./settings.js"

const cores = availableParallelism()

/** The load of the benchmark itself in addition to all cores: a client, a server and threads of V8. */
const ofBenchmark = 1

/** The average load of the last minute. */
export const load = () => loadavg()[0]

/** Whether the load exceeds the number of cores. `during` a part, the threads of the benchmark may add to it. */
export const isTooHigh = (load, during) => load > (highestLoad ?? cores + (during ? ofBenchmark : 0))

export const describeLoad = (load) => `load ${load.toFixed(2)} on ${cores} cores`
