/** Measures the memory of waiting requests, of idle connections and after many requests. */
import { run } from "../processes.js"
import { longRun } from "../settings.js"

export const measure = async ({ show, url }) => {
  const gc = ["--expose-gc"]
  const queue = run("./queue.js", [], gc)
  const bare = run("./idle.js", ["bare"], gc).bytes
  const idle = run("./idle.js", ["ours"], gc).bytes
  const { early, late } = run("./longRun.js", [`${url}/small`, longRun])
  const rows = [
    ["a request that waits for a slot, without its fiber", `${queue.bytes - queue.fiber} bytes of heap`],
    ["the fiber of a waiting request", `${queue.fiber} bytes of heap`],
    ["an idle connection", `${idle} bytes of heap and external memory`],
    ["a bare socket", `${bare} bytes of heap and external memory`],
    [`RSS in the first fifth of ${longRun.toLocaleString("en")} requests, at most`, `${Math.round(early)} MiB`],
    ["RSS in the last fifth of them, at most", `${Math.round(late)} MiB`]
  ]
  return [show({ title: "Memory", columns: ["what", "cost"], rows, headlines: [] })]
}
