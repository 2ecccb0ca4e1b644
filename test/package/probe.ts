/**
 * Run by `imports.test.ts` in a process of its own: loads every public module from source and prints what that has
 * changed in the process. Effect and @effect/platform, which any user loads, are there before.
 */
import { EventEmitter } from "node:events"
import { readdirSync } from "node:fs"
import "@effect/platform"
import "effect"

// Not imported, because a namespace of node:http reads all its getters, which loads Node's undici.
const childProcess = process.getBuiltinModule("node:child_process")
const dns = process.getBuiltinModule("node:dns")
const http = process.getBuiltinModule("node:http")
const https = process.getBuiltinModule("node:https")
const net = process.getBuiltinModule("node:net")
const stream = process.getBuiltinModule("node:stream")
const tls = process.getBuiltinModule("node:tls")
const zlib = process.getBuiltinModule("node:zlib")

const constructors: ReadonlyArray<readonly [string, { readonly prototype: object }]> = Object.entries({
  Object,
  Function,
  Array,
  String,
  Number,
  Boolean,
  Symbol,
  Promise,
  Error,
  RegExp,
  Date,
  Map,
  Set,
  WeakMap,
  Uint8Array,
  ArrayBuffer,
  Buffer,
  URL,
  URLSearchParams,
  Blob,
  AbortSignal,
  ReadableStream,
  TextDecoder,
  EventTarget,
  EventEmitter,
  "net.Socket": net.Socket,
  "net.Server": net.Server,
  "tls.TLSSocket": tls.TLSSocket,
  "http.Agent": http.Agent,
  "http.ClientRequest": http.ClientRequest,
  "stream.Readable": stream.Readable,
  "dns.Resolver": dns.Resolver
})

const identities = new Map<unknown, number>()

/** Distinguishes values: functions and objects by identity. */
const identity = (value: unknown): string => {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return String(value)
  const known = identities.get(value) ?? identities.size
  identities.set(value, known)
  return `${typeof value} #${known}`
}

/** Globals whose mere reading loads Node's undici, which sets the dispatcher. */
const lazy: ReadonlySet<string | symbol> = new Set([
  "CloseEvent",
  "EventSource",
  "FormData",
  "Headers",
  "MessageEvent",
  "Request",
  "Response",
  "WebSocket"
])

const members = (value: object): Record<string, string> =>
  Object.fromEntries(
    Reflect.ownKeys(value).map((key) => {
      if (value === globalThis && lazy.has(key)) return [String(key), "there"]
      const { get, set, value: held } = Object.getOwnPropertyDescriptor(value, key) ?? {}
      return [
        String(key),
        get === undefined && set === undefined ? identity(held) : `${identity(get)} ${identity(set)}`
      ]
    })
  )

/** The state that a module could change without being noticed. */
const state = (): Record<string, string> => {
  const out: Record<string, string> = {}
  const add = (prefix: string, entries: Record<string, string>) => {
    for (const [key, value] of Object.entries(entries)) out[`${prefix}.${key}`] = value
  }
  add("globalThis", members(globalThis))
  for (const [name, constructor] of constructors) {
    add(name, members(constructor))
    add(`${name}.prototype`, members(constructor.prototype))
  }
  for (const [name, module] of Object.entries({ childProcess, dns, http, https, net, tls, zlib })) {
    add(name, members(module))
  }
  add("process.env", { ...process.env } as Record<string, string>)
  for (const name of process.eventNames()) out[`process.on ${String(name)}`] = String(process.listenerCount(name))
  for (const name of new Set(process.getActiveResourcesInfo())) {
    // The loader reads files.
    if (!name.startsWith("FSReq"))
      out[`active ${name}`] = String(process.getActiveResourcesInfo().filter((other) => other === name).length)
  }
  out["dns order"] = dns.getDefaultResultOrder()
  out["dns servers"] = dns.getServers().join()
  out.autoSelectFamily = String(net.getDefaultAutoSelectFamily())
  out.autoSelectFamilyAttemptTimeout = String(net.getDefaultAutoSelectFamilyAttemptTimeout())
  out.stackTraceLimit = String(Error.stackTraceLimit)
  out.maxListeners = String(EventEmitter.defaultMaxListeners)
  out.cwd = process.cwd()
  out.umask = String(process.umask())
  out.title = process.title
  return out
}

const difference = (before: Record<string, string>, after: Record<string, string>): ReadonlyArray<string> =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((key) => before[key] !== after[key])
    .map((key) => `${key}: ${before[key] ?? "nothing"} -> ${after[key] ?? "nothing"}`)

const settle = () => new Promise((resolve) => setTimeout(() => setImmediate(resolve), 20))

const changes: Array<string> = []
const source = new URL("../../src/", import.meta.url)
const paths =
  process.argv.length > 2 ? process.argv.slice(2) : readdirSync(source).filter((file) => file.endsWith(".ts"))
// The first import initialises the loader.
await import("./nothing.js")
await settle()
for (const path of paths) {
  const before = state()
  await import(new URL(path, source).href)
  // Changes of the loader disappear; those of a module stay.
  let found = difference(before, state())
  for (let turn = 0; found.length > 0 && turn < 25; turn++) {
    await settle()
    found = difference(before, state())
  }
  changes.push(...found.map((change) => `${path}: ${change}`))
}
console.log(JSON.stringify({ modules: paths.length, changes }))
// Exits although a module may have left something running.
process.exit(0)
