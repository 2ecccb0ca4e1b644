/**
 * Real servers as scoped resources: started on loopback ports of their own, ended by pid.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Schedule, type Scope } from "effect"

/** A temporary directory that servers without privileges can read. */
export const directory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const path = await mkdtemp(join(tmpdir(), "peer-"))
    await import("node:fs/promises").then((fs) => fs.chmod(path, 0o777))
    return path
  }),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** A port that is free now. */
export const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

export const write = (path: string, text: string): Effect.Effect<void> => Effect.promise(() => writeFile(path, text))

export const read = (path: string): Effect.Effect<string> =>
  Effect.promise(() => readFile(path, "utf8").catch(() => ""))

/** Whether something listens. */
const listens = (port: number): Effect.Effect<void, string> =>
  Effect.async((resume) => {
    const socket = connect({ host: "127.0.0.1", port })
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.void)
    })
    socket.once("error", () => resume(Effect.fail(`nothing listens on ${port}`)))
  })

const end = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGTERM")
    const timer = setTimeout(() => child.kill("SIGKILL"), 3000)
    child.once("exit", () => clearTimeout(timer))
  })

/** A program in the foreground, once its ports listen. */
export const start = (
  command: string,
  args: ReadonlyArray<string>,
  ports: ReadonlyArray<number>,
  options: {
    readonly env?: Readonly<Record<string, string>>
    /** Called with the output of the program. */
    readonly onOutput?: (text: string) => void
  } = {}
): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.gen(function* () {
    let output = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const started = spawn(command, [...args], {
          stdio: ["ignore", "pipe", "pipe"],
          env: { ...process.env, ...options.env }
        })
        started.stdout.on("data", (chunk: Buffer) => {
          output = (output + chunk.toString()).slice(-4000)
          options.onOutput?.(chunk.toString())
        })
        started.stderr.on("data", (chunk: Buffer) => {
          output += chunk.toString()
        })
        started.on("error", (error) => {
          output += String(error)
        })
        return started
      }),
      end
    )
    for (const port of ports) {
      yield* listens(port).pipe(
        Effect.retry(Schedule.intersect(Schedule.spaced("50 millis"), Schedule.recurs(300))),
        Effect.catchAll((reason) => Effect.dieMessage(`${command}: ${reason}: ${output.slice(-2000)}`))
      )
    }
    return child
  })

/** Debian's own Python, which has the packages. */
export const python = "/usr/bin/python3"
