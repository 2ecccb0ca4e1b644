// Loads every module of the installed package by its name, and nothing that is internal.
import { existsSync, readdirSync } from "node:fs"
import { createRequire } from "node:module"

const installed = new URL("./node_modules/effect-http-session/", import.meta.url)
const names = readdirSync(new URL("dist/", installed))
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.slice(0, -3))
if (names.length < 18) throw new Error(`only ${names.length} modules are in the package`)

const root = await import("effect-http-session")
for (const name of names) {
  const module = await import(name === "index" ? "effect-http-session" : `effect-http-session/${name}`)
  if (name !== "index" && root[name] !== module) throw new Error(`${name} is not what the root exports`)
  if (Object.keys(module).length === 0 && name !== "index") throw new Error(`${name} exports nothing`)
}
for (const name of ["internal/limits", "internal/redact", "internal/limits.js", "dist/index.js"]) {
  const refused = await import(`effect-http-session/${name}`).then(
    () => false,
    (error) => ["ERR_PACKAGE_PATH_NOT_EXPORTED", "ERR_MODULE_NOT_FOUND"].includes(error.code)
  )
  if (!refused) throw new Error(`${name} can be imported`)
}

// Two copies of a peer would break the keys of Context silently.
const require = createRequire(new URL("package.json", installed))
const { peerDependencies: peers } = require("./package.json")
for (const peer of ["effect", "@effect/platform", "@effect/platform-node"].filter((name) => name in peers)) {
  if (existsSync(new URL(`node_modules/${peer}`, installed))) throw new Error(`the package has a ${peer} of its own`)
  const theirs = require.resolve(`${peer}/package.json`)
  const ours = createRequire(import.meta.url).resolve(`${peer}/package.json`)
  if (theirs !== ours) throw new Error(`two copies of ${peer}`)
}
console.log(`${names.length} modules load`)
