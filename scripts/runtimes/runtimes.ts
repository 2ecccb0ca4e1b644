/** Installs Bun and Deno in the tested versions from npm, into their own folder, and runs programs on them. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { root } from "../project.js"

export const versions = {
  bun: "1.4.5",
  deno: "2.9.6",
  /** Dependencies of the program on BunRuntime, in addition to those of this repository. */
  effect: { "platform-bun": "0.91.2", cluster: "0.60.2", sql: "0.52.1" }
} as const

export type OtherRuntime = "bun" | "deno"

export type RuntimeName = "node" | OtherRuntime

export const otherRuntimes: ReadonlyArray<OtherRuntime> = ["bun", "deno"]

export const folder = join(root, ".tmp/runtimes")

const binary = (name: OtherRuntime): string => join(folder, "node_modules/.bin", name)

/** Installs the runtimes that are not installed in their tested version. */
export const install = (): void => {
  mkdirSync(folder, { recursive: true })
  if (!existsSync(join(folder, "package.json"))) writeFileSync(join(folder, "package.json"), '{ "private": true }\n')
  const missing = otherRuntimes.filter(
    (name) => !spawnSync(binary(name), ["--version"], { encoding: "utf8" }).stdout?.includes(versions[name])
  )
  if (missing.length === 0) return
  const packages = missing.map((name) => `${name}@${versions[name]}`)
  const { status } = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...packages], {
    cwd: folder,
    stdio: "inherit"
  })
  if (status !== 0) throw new Error(`npm cannot install ${packages.join(" and ")}`)
}

const importMap = join(root, "scripts/runtimes/denoImports.json")

/** The command that runs a program of the repository, in TypeScript, on a runtime. */
const command = (name: RuntimeName): readonly [string, ...Array<string>] => {
  switch (name) {
    case "node":
      return [process.execPath, "--import", "tsx"]
    case "bun":
      return [binary("bun"), "--bun"]
    case "deno":
      return [binary("deno"), "run", "-A", "--sloppy-imports", `--import-map=${importMap}`]
  }
}

/** The command that runs vitest on a runtime. vitest resolves the imports itself. */
const vitest = (name: RuntimeName): readonly [string, ...Array<string>] =>
  name === "deno" ? [binary("deno"), "run", "-A"] : command(name)

const env = { ...process.env, TSX_TSCONFIG_PATH: "tsconfig.json" }

const start = (
  [file, ...first]: readonly [string, ...Array<string>],
  args: ReadonlyArray<string>,
  minutes: number,
  cwd = root
): ChildProcess =>
  spawn(file, [...first, ...args], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: minutes * 60_000,
    killSignal: "SIGKILL"
  })

export interface Outcome {
  readonly code: number | null
  readonly output: string
}

const outcome = (child: ChildProcess): Promise<Outcome> =>
  new Promise((resolve) => {
    const output: Array<Buffer> = []
    child.stdout?.on("data", (chunk: Buffer) => output.push(chunk))
    child.stderr?.on("data", (chunk: Buffer) => output.push(chunk))
    child.on("close", (code) => resolve({ code, output: Buffer.concat(output).toString() }))
  })

/** Starts a program of the repository that communicates by its input and output. The caller ends it. */
export const startProgram = (name: RuntimeName, ...args: ReadonlyArray<string>): ChildProcess => {
  const [file, ...first] = command(name)
  return spawn(file, [...first, ...args], { cwd: root, env, stdio: ["pipe", "pipe", "inherit"] })
}

/** Runs a program of the repository. */
export const runProgram = (name: RuntimeName, ...args: ReadonlyArray<string>): Promise<Outcome> =>
  outcome(start(command(name), args, 3))

/** Runs a JavaScript file outside of the repository's program, in its own folder. */
export const runFile = (name: OtherRuntime, file: string): Promise<Outcome> =>
  outcome(start([binary(name), "run", ...(name === "deno" ? ["-A"] : [])], [file], 3, dirname(file)))

/** Runs vitest. */
export const runVitest = (name: RuntimeName, ...args: ReadonlyArray<string>): Promise<Outcome> =>
  outcome(start(vitest(name), ["node_modules/vitest/vitest.mjs", "run", ...args], 40))
