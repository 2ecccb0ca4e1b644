/**
 * Builds the site into site/dist: the pages, the reference by TypeDoc, HTML by VitePress, and a check of all links. Installs
 * the packages of the site first where the lock file has changed. `npm run docs:site`.
 */
import { execFileSync } from "node:child_process"
import { existsSync, statSync } from "node:fs"
import { join } from "node:path"
import { brokenLinks } from "./links.js"
import { introduceModules, writePages } from "./pages.js"
import { dist, site } from "./project.js"

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  execFileSync(command, args, { cwd: site, stdio: "inherit" })
}

const program = (name: string): string => join(site, "node_modules/.bin", name)

/** npm writes this file when it has installed what the lock file names. */
const installed = join(site, "node_modules/.package-lock.json")
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(join(site, "package-lock.json")).mtimeMs) {
  run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
}
writePages()
run(program("typedoc"), "--logLevel", "Warn")
introduceModules()
run(program("vitepress"), "build", ".")

const broken = brokenLinks(dist)
for (const each of broken) console.error(each)
if (broken.length > 0) process.exit(1)
console.log("site/dist is built, and its links lead to existing targets; npm run docs:preview serves it")
