/** Measures the decoding of server-sent events. */
import { run } from "../processes.js"
import { ratio } from "../table.js"

export const measure = async ({ show }) => {
  const cpu = run("./events.js", [])
  const rows = Object.entries(cpu).map(([name, value]) => [name, ratio(value)])
  const headlines = [
    { label: "Server-sent events", peer: "eventsource-parser alone", times: 1 / cpu["ours: decoder of events"] }
  ]
  return [show({ title: "Server-sent events of 100 bytes", columns: ["decoder", "CPU per event"], rows, headlines })]
}
