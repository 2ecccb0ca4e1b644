/** Compiles programs in a separate directory against `src`, like programs that use the package. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

export const root = join(dirname(fileURLToPath(import.meta.url)), "..")

/** The public modules, by name. */
export const publicModules: ReadonlyArray<string> = readdirSync(join(root, "src"))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -".ts".length))

/** An empty directory for a check, which git ignores. */
export const scratch = (name: string): string => {
  const directory = join(root, ".tmp", name)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  return directory
}

/** Writes files into a directory. */
export const write = (directory: string, files: ReadonlyMap<string, string>): void => {
  for (const [name, text] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
}

/** The compiler options of the repository. The name of the package resolves to `src`. */
export const compilerOptions = (over: ts.CompilerOptions = {}): ts.CompilerOptions => {
  const path = join(root, "tsconfig.base.json")
  const { config, error } = ts.readConfigFile(path, ts.sys.readFile)
  if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, "\n"))
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  return {
    ...options,
    noEmit: true,
    paths: {
      "effect-http-session": [join(root, "src/index.ts")],
      "effect-http-session/*": [join(root, "src/*.ts")]
    },
    ...over
  }
}

/** The diagnostics of a program, one line each. */
export const problems = (program: ts.Program, files?: ReadonlySet<string>): ReadonlyArray<string> =>
  ts
    .getPreEmitDiagnostics(program)
    .filter((diagnostic) => files === undefined || (diagnostic.file && files.has(diagnostic.file.fileName)))
    .map((diagnostic) => {
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")
      if (diagnostic.file === undefined || diagnostic.start === undefined) return text
      const { character, line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start)
      return `${relative(root, diagnostic.file.fileName)}(${line + 1},${character + 1}): ${text}`
    })

/** Prints the problems and sets the exit code. */
export const report = (found: ReadonlyArray<string>, fine: string): void => {
  for (const problem of found) console.error(problem)
  if (found.length > 0) process.exitCode = 1
  else console.log(fine)
}
