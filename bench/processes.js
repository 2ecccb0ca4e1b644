/**
 * The processes of the benchmark, and what is made of what they print.
 */
import { fork, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

/** Seconds for which a client runs before it is measured. */
export const warmUp = 3

/** The path of a file of the benchmark. */
export const here = (name) => fileURLToPath(new URL(name, import.meta.url))

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]

/** Runs a script to its end and gives the JSON of its last line. */
export const run = (script, args, flags = []) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [...flags, here(script), ...args.map(String)], {
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`${script} ${args.join(" ")}: ${stderr}`)
  return JSON.parse(stdout.trim().split("\n").at(-1))
}

/** The server on Node; with a certificate it speaks TLS on another port as well. */
export const startServer = (certificate) =>
  new Promise((resolve) => {
    const tls = certificate === undefined ? {} : { BENCH_CERT: certificate.cert, BENCH_KEY: certificate.key }
    const child = fork(here("./server.js"), { env: { ...process.env, ...tls } })
    child.once("message", ({ port, securePort }) =>
      resolve({ child, url: `http://127.0.0.1:${port}`, secureUrl: `https://127.0.0.1:${securePort}` })
    )
  })
