/**
 * What a Cookie header costs with 3000 cookies over 300 domains, beside tough-cookie, and with an empty jar. Prints
 * ratios and fails where ours costs more than half. Usage: node bench/cookies.js, after npm run build.
 */
import { CookieJar } from "tough-cookie"
import { Jar } from "../dist/internal/cookies/jar.js"

const hosts = Array.from({ length: 300 }, (_, index) => `host${index}.example.org`)
const target = (host) => ({ scheme: "https", host, port: 443, ip: 0, path: "/some/path" })
const line = (index) => `name${index}=value${index}; Path=${index % 2 === 0 ? "/" : "/some"}; Max-Age=86400`

const jar = new Jar()
const tough = new CookieJar()
const now = Date.now()
for (const host of hosts) {
  for (let index = 0; index < 10; index++) {
    jar.store([line(index)], target(host), now)
    tough.setCookieSync(line(index), `https://${host}/some/path`)
  }
}

const time = (count, one) => {
  for (let index = 0; index < count / 4; index++) one(index)
  const before = process.cpuUsage()
  for (let index = 0; index < count; index++) one(index)
  const { system, user } = process.cpuUsage(before)
  return (user + system) / count
}

const best = (count, one) => Math.min(...Array.from({ length: 5 }, () => time(count, one)))

const ours = best(30_000, (index) => jar.header(target(hosts[index % 300]), now))
const theirs = best(3000, (index) => tough.getCookieStringSync(`https://${hosts[index % 300]}/some/path`))
const empty = new Jar()
const nothing = best(300_000, (index) => empty.header(target(hosts[index % 300]), now))

const header = jar.header(target(hosts[7]), now)
if (header.split("; ").length !== 10) throw new Error(`10 cookies expected, not ${header}`)
console.log({ "ours over tough-cookie": (ours / theirs).toFixed(2), "empty over full": (nothing / ours).toFixed(4) })
if (ours > theirs / 2) process.exitCode = 1
