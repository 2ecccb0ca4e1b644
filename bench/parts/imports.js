/** Measures imports of the package, over the modules that a program in Effect with an HTTP client loads anyway. */
import { median, run } from "../processes.js"
import { rounds } from "../settings.js"
import { ratio } from "../table.js"

const imports = {
  "effect and HttpClient of @effect/platform": ["effect", "@effect/platform/HttpClient"],
  effect: ["effect"],
  "ours: effect-http-session": ["../dist/bundle/index.js"],
  "ours: effect-http-session/Session": ["../dist/bundle/Session.js"],
  "ours: the same as hundreds of modules": ["../dist/index.js"],
  "@effect/platform, all": ["@effect/platform"],
  undici: ["undici"],
  got: ["got"],
  axios: ["axios"]
}

export const measure = async ({ show }) => {
  const names = Object.keys(imports)
  const times = Array.from({ length: rounds }, () => names.map((name) => run("./import.js", imports[name])))
  const over = (at, what) => ratio(median(times.map((row) => row[at][what] / row[0][what])))
  const rows = names.map((name, at) => [name, over(at, "millis"), over(at, "cpu")])
  return [show({ title: "Import", columns: ["module", "time", "CPU"], rows, headlines: [] })]
}
