/** Starts the processes of the benchmark and reads their output. */
import { fork, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

/** The path of a file of the benchmark. */
export const here = (name) => fileURLToPath(new URL(name, import.meta.url))

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]

/** Runs a script to its end and returns the JSON of its last line. */
export const run = (script, args, flags = []) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [...flags, here(script), ...args.map(String)], {
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`${script} ${args.join(" ")}: ${stderr}`)
  return JSON.parse(stdout.trim().split("\n").at(-1))
}

/** Starts a server in its own process, which reports its URLs or ports by a message. */
export const startServer = (script, env = {}) =>
  new Promise((resolve) => {
    const child = fork(here(script), { env: { ...process.env, ...env } })
    child.once("message", (facts) => resolve({ ...facts, stop: () => child.disconnect() }))
  })

/** Starts the server on Node, which speaks TLS on a second port. */
export const startNodeServer = async (certificate) => {
  const env = { BENCH_CERT: certificate.cert, BENCH_KEY: certificate.key }
  const { port, securePort, stop } = await startServer("./nodeServer.js", env)
  return { url: `http://127.0.0.1:${port}`, secureUrl: `https://127.0.0.1:${securePort}`, stop }
}
