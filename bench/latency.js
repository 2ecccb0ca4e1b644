/**
 * Large downloads over a line with latency, by HTTP/2 and by HTTP/1.1, both over TLS: a relay in another process delays
 * each byte. The windows of HTTP/2 decide how much is on its way at a time.
 * Usage: latency.js [milliseconds of one direction] [megabits per second, 0 for no limit] [MiB] [rounds]
 */
import { fork } from "node:child_process"
import { connect, createServer } from "node:net"
import { fileURLToPath } from "node:url"
import { Effect, Layer, Stream } from "effect"
import { ClientResponse, Session, Ssl } from "../dist/bundle/index.js"
import { makeCertificate } from "./certificate.js"
import { startNginx } from "./nginxServer.js"

/** Most bytes that the relay holds for one direction of a connection, beyond which it stops reading. */
const mostHeld = 64 * 1024 * 1024

/** Passes on what `from` sends, `delay` milliseconds later and at most `rate` bytes per millisecond. */
const pass = (from, to, delay, rate) => {
  const queue = []
  let held = 0
  let freeAt = 0
  let isScheduled = false
  const schedule = (millis) => {
    if (isScheduled) return
    isScheduled = true
    setTimeout(flush, millis)
  }
  const flush = () => {
    isScheduled = false
    const now = performance.now()
    while (queue.length > 0 && queue[0].at <= now) {
      const { bytes } = queue.shift()
      if (bytes === undefined) to.end()
      else {
        held -= bytes.length
        to.write(bytes)
      }
    }
    if (held < mostHeld) from.resume()
    if (queue.length > 0) schedule(queue[0].at - now)
  }
  const add = (bytes) => {
    const size = bytes?.length ?? 0
    freeAt = Math.max(freeAt, performance.now()) + (rate > 0 ? size / rate : 0)
    queue.push({ at: freeAt + delay, bytes })
    held += size
    if (held >= mostHeld) from.pause()
    schedule(delay)
  }
  from.on("data", add)
  from.on("end", () => add(undefined))
  from.on("error", () => to.destroy())
  from.on("close", () => {
    if (!from.readableEnded) to.destroy()
  })
}

/** Runs in a process of its own. */
const relay = ([port, delay, rate]) => {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const origin = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true })
    pass(client, origin, delay, rate)
    pass(origin, client, delay, rate)
  })
  server.listen(0, "127.0.0.1", () => process.send(server.address().port))
}

/** Bytes per second of one download on a connection that is open already. */
const download = (url, ca, http2) =>
  Effect.gen(function* () {
    const session = yield* Session.Session
    yield* session.get(`${url}/small`).pipe(ClientResponse.discard)
    const begin = performance.now()
    const response = yield* session.get(`${url}/download`)
    let size = 0
    yield* Stream.runForEach(response.stream, (bytes) => Effect.sync(() => (size += bytes.length)))
    const seconds = (performance.now() - begin) / 1000
    return { protocol: response.connection.protocol, rate: size / seconds }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.unwrapEffect(Effect.map(Ssl.context({ ca }), (ssl) => Session.layer({ connector: { http2, ssl } })))
    )
  )

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

const measure = async ([delay = 10, megabits = 0, mebibytes = 100, rounds = 7]) => {
  const certificate = await makeCertificate()
  const nginx = await startNginx(certificate, [["download", mebibytes * 1024 * 1024]])
  if (nginx === undefined) throw new Error("nginx is not installed")
  const { port } = new URL(nginx.secureUrl)
  const child = fork(fileURLToPath(import.meta.url), ["relay", port, delay, (megabits * 1e6) / 8 / 1000])
  const relayPort = await new Promise((resolve) => child.once("message", resolve))
  const rates = { "http/1.1": [], h2: [] }
  try {
    for (let round = 0; round < rounds; round++) {
      for (const http2 of round % 2 === 0 ? [false, true] : [true, false]) {
        const { protocol, rate } = await Effect.runPromise(
          download(`https://127.0.0.1:${relayPort}`, certificate.cert, http2)
        )
        rates[protocol].push(rate / 1e6)
      }
    }
  } finally {
    child.kill()
    nginx.stop()
  }
  const [old, now] = [rates["http/1.1"], rates.h2]
  const ratio = median(old.map((rate, index) => now[index] / rate))
  const line = megabits === 0 ? "without a limit of its rate" : `of ${megabits} Mbit/s`
  console.log(
    `${mebibytes} MiB over a line ${line} with ${2 * delay} ms of round trip: HTTP/1.1 ${median(old).toFixed(1)} MB/s, HTTP/2 ${median(now).toFixed(1)} MB/s, ratio ${ratio.toFixed(2)}`
  )
}

const [first, ...rest] = process.argv.slice(2)
if (first === "relay") relay(rest.map(Number))
else await measure([first, ...rest].filter((each) => each !== undefined).map(Number))
