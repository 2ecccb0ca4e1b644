/**
 * Programs that run in another process, because they exhaust or end it.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"

/** The path of one of the programs in `children`. */
export const children = (name: string): string => fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url))

export interface OutputOptions {
  /** Called with the whole output each time the program writes. */
  readonly onOutput?: ((text: string) => void) | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Flags of Node for one of the programs in `children`. */
  readonly flags?: ReadonlyArray<string> | undefined
}

/**
 * Flags for a program that measures memory: an exposed collector, and a nursery so small that growth means held memory,
 * not garbage.
 */
export const measuring: ReadonlyArray<string> = ["--expose-gc", "--max-semi-space-size=1"]

export interface Running {
  readonly process: ChildProcess
  /** Its output, once it has ended. */
  readonly ended: Effect.Effect<string>
}

/** Starts a program, which is killed with the Scope. */
const start = (
  command: string,
  args: ReadonlyArray<string>,
  { env, onOutput = () => {} }: OutputOptions = {}
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync((): Running => {
      const running = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } })
      let all = ""
      running.stdout.on("data", (chunk) => {
        all += String(chunk)
        onOutput(all)
      })
      const closed = new Promise<string>((resolve) => {
        running.once("close", () => resolve(all))
      })
      return { process: running, ended: Effect.promise(() => closed) }
    }),
    (running) => Effect.sync(() => running.process.kill("SIGKILL"))
  )

/** Starts one of the programs in `children`. */
export const program = (name: string, args: ReadonlyArray<string> = [], options?: OutputOptions) =>
  start(process.execPath, [...(options?.flags ?? []), "--import", "tsx", children(name), ...args], options)

/** The output of a program until it ends. */
export const output = (command: string, args: ReadonlyArray<string>, options?: OutputOptions) =>
  Effect.flatMap(start(command, args, options), ({ ended }) => ended)

/** The output of one of the programs in `children`. */
export const outputOf = (name: string, args: ReadonlyArray<string> = [], options?: OutputOptions) =>
  Effect.flatMap(program(name, args, options), ({ ended }) => ended)
