/** Measures a jar with 1,000 cookies. */
import { run } from "../processes.js"
import { ratio } from "../table.js"

export const measure = async ({ show }) => {
  const { read, store } = run("./cookies.js", [])
  const rows = Object.keys(read).map((name) => [name, ratio(read[name]), ratio(store[name])])
  const own = "ours: CookieJar"
  const headlines = [
    { label: "Cookie header of 1,000 cookies", peer: "tough-cookie", times: 1 / read[own] },
    { label: "Set-Cookie into 1,000 cookies", peer: "tough-cookie", times: 1 / store[own] }
  ]
  const columns = ["jar", "CPU per Cookie header", "CPU per Set-Cookie"]
  return [show({ title: "1,000 cookies over 100 hosts", columns, rows, headlines })]
}
