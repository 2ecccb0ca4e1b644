/**
 * Programs of our own that run in another process, because they break theirs.
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"

/** The path of one of them. */
export const children = (name: string): string => fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url))

export interface OutputOptions {
  /** Called with all that it has written so far. */
  readonly onOutput?: ((text: string) => void) | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** What a program writes until it ends. It is killed with the Scope. */
export const output = (
  command: string,
  args: ReadonlyArray<string>,
  { env, onOutput = () => {} }: OutputOptions = {}
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } })),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  ).pipe(
    Effect.flatMap((running) =>
      Effect.async<string>((resume) => {
        let all = ""
        running.stdout.on("data", (chunk) => {
          all += String(chunk)
          onOutput(all)
        })
        running.once("close", () => resume(Effect.succeed(all)))
      })
    )
  )

/** What one of ours writes. */
export const outputOf = (name: string, args: ReadonlyArray<string> = [], options?: OutputOptions) =>
  output(process.execPath, ["--import", "tsx", children(name), ...args], options)
