/** Records the results of each part in its own file, so that parts can run alone and the page shows all of them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const folder = new URL("../.tmp/bench/", import.meta.url)
const file = (part) => fileURLToPath(new URL(`${part}.json`, folder))

export const record = (part, result) => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(file(part), `${JSON.stringify(result, null, 2)}\n`)
}

/** The last recorded result of a part; `undefined` without one. */
export const recorded = (part) => (existsSync(file(part)) ? JSON.parse(readFileSync(file(part), "utf8")) : undefined)
