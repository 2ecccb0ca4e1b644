/** Runs the tour, the examples and the installed package on Bun and Deno. They must end with exit code 0. */
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root } from "../project.js"
import { folder, type OtherRuntime, type Outcome, runFile, runProgram, versions } from "./runtimes.js"

const complaint = (name: OtherRuntime, program: string, { code, output }: Outcome): ReadonlyArray<string> =>
  code === 0 ? [] : [`${name}: ${program} ended with ${code}: ${output.slice(-2000)}`]

export const tour = async (name: OtherRuntime): Promise<ReadonlyArray<string>> =>
  complaint(name, "the tour", await runProgram(name, "examples/tour.ts"))

/** Runs all examples, two at a time. */
export const examples = async (name: OtherRuntime): Promise<ReadonlyArray<string>> => {
  const files = readdirSync(join(root, "examples")).filter((file) => /^\d.*\.ts$/.test(file))
  const found: Array<string> = []
  const queue = files.values()
  const work = async () => {
    for (const file of queue) found.push(...complaint(name, file, await runProgram(name, `examples/${file}`)))
  }
  await Promise.all([work(), work()])
  console.log(`${name}: ${files.length - found.length} of ${files.length} examples ended with 0`)
  return found
}

const installedVersion = (name: string): string => {
  const { version }: { readonly version: string } = JSON.parse(
    readFileSync(join(root, "node_modules", name, "package.json"), "utf8")
  )
  return `${name}@${version}`
}

const npm = (cwd: string, ...args: ReadonlyArray<string>): string => {
  const { status, stderr, stdout } = spawnSync("npm", args, { cwd, encoding: "utf8" })
  if (status !== 0) throw new Error(`npm ${args.join(" ")}: ${stderr}`)
  return stdout.trim()
}

/**
 * Installs the tarball of the package with @effect/platform-bun and without @effect/platform-node. Uses a folder
 * outside of the repository, because programs would find the modules of the repository otherwise.
 */
export const installPackage = (): string => {
  const consumer = mkdtempSync(join(tmpdir(), "effect-http-session-"))
  cpSync(join(root, "scripts/runtimes/package"), consumer, { recursive: true })
  writeFileSync(join(consumer, "package.json"), '{ "private": true, "type": "module" }\n')
  npm(root, "run", "build")
  const tarball = npm(root, "pack", "--silent", "--pack-destination", folder)
  const packages = [
    ...["effect", "@effect/platform", "@effect/rpc"].map(installedVersion),
    ...Object.entries(versions.effect).map(([name, version]) => `@effect/${name}@${version}`)
  ]
  const quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
  npm(consumer, "install", ...quiet, join(folder, tarball), ...packages)
  return consumer
}

/** The program that runs the installed package under the runtime's own main function. */
export const installed = async (name: OtherRuntime, consumer: string): Promise<ReadonlyArray<string>> => {
  const file = name === "bun" ? "bunRuntime.js" : "modules.js"
  return complaint(name, file, await runFile(name, join(consumer, file)))
}
