/**
 * Writes bundles of the compiled modules into `<dist>/bundle`. Runtimes load the bundles, because one file loads faster
 * than hundreds. Bundlers load the modules, by the condition "module" of package.json, so that they can remove unused
 * code. Usage: bundle.ts <dist>
 */
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type BuildOptions, build } from "esbuild"

const dist = process.argv[2]
if (dist === undefined) throw new Error("expected the folder of the compiled modules")
const out = join(dist, "bundle")

const modules = readdirSync(dist)
  .filter((file) => file.endsWith(".js") && file !== "index.js")
  .map((file) => file.slice(0, -".js".length))

const options = {
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  // `keepNames` would call a function for each closure. Printed classes have explicit names, so renaming is harmless.
  keepNames: false,
  metafile: true,
  outdir: out,
  // The inputs are compiled: no tsconfig.json of a folder above them applies.
  tsconfigRaw: "{}"
} satisfies BuildOptions

/** The names that each module exports at run time. */
const exportsOf = async (): Promise<ReadonlyMap<string, ReadonlyArray<string>>> => {
  const { metafile } = await build({
    ...options,
    entryPoints: modules.map((name) => join(dist, `${name}.js`)),
    write: false
  })
  return new Map(
    Object.values(metafile.outputs).flatMap(({ entryPoint, exports }) => {
      const name = modules.find((each) => entryPoint?.endsWith(`/${each}.js`) === true)
      return name === undefined ? [] : [[name, exports] as const]
    })
  )
}

/** The list of an export declaration. */
const lists = (names: ReadonlyArray<string>, list: (name: string) => string): string => names.map(list).join(", ")

// One entry with all names, so that esbuild writes one file, and a few for modules that are loaded on first use.
const exported = await exportsOf()
const entry = [...exported]
  .filter(([, names]) => names.length > 0)
  .map(
    ([module, names]) => `export { ${lists(names, (name) => `${name} as ${module}_${name}`)} } from "./${module}.js"`
  )
await build({
  ...options,
  stdin: { contents: entry.join("\n"), resolveDir: dist, sourcefile: "all.js" },
  entryNames: "internal/all",
  chunkNames: "internal/[name]-[hash]",
  sourcemap: true,
  sourcesContent: false
})
for (const [module, names] of exported) {
  const text =
    names.length === 0
      ? "export {}"
      : `export { ${lists(names, (name) => `${module}_${name} as ${name}`)} } from "./internal/all.js"`
  writeFileSync(join(out, `${module}.js`), `${text}\n`)
}
writeFileSync(join(out, "index.js"), modules.map((name) => `export * as ${name} from "./${name}.js"\n`).join(""))
