/**
 * Measures the CPU time of a Cookie header and of a Set-Cookie line, with 1,000 cookies of 100 hosts, over
 * tough-cookie.
 */
import { CookieJar } from "tough-cookie"
import { Jar } from "../dist/internal/cookies/jar.js"
import { compare } from "./compare.js"

const hosts = Array.from({ length: 100 }, (_, index) => `host${index}.example.org`)
const target = (host) => ({ scheme: "https", host, port: 443, ip: 0, path: "/some/path" })
const line = (index) => `name${index}=value${index}; Path=${index % 2 === 0 ? "/" : "/some"}; Max-Age=86400`

const ours = new Jar()
const tough = new CookieJar()
const now = Date.now()

const storeInOurs = () => {
  for (const host of hosts) for (let index = 0; index < 10; index++) ours.store([line(index)], target(host), now)
}
const storeInTough = () => {
  for (const host of hosts) {
    for (let index = 0; index < 10; index++) tough.setCookieSync(line(index), `https://${host}/some/path`)
  }
}
const readOurs = () => {
  for (const host of hosts) check(ours.header(target(host), now))
}
const readTough = () => {
  for (const host of hosts) check(tough.getCookieStringSync(`https://${host}/some/path`))
}
const check = (header) => {
  if (header?.split("; ").length !== 10) throw new Error(`expected 10 cookies, got ${header}`)
}

const store = compare({ "tough-cookie": storeInTough, "ours: CookieJar": storeInOurs })
const read = compare({ "tough-cookie": readTough, "ours: CookieJar": readOurs })
console.log(JSON.stringify({ store, read }))
