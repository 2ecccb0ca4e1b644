import { execFile } from "node:child_process"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Auth, ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import { directory, python, write } from "./peer.js"

interface Case {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly options: {
    readonly params?: Readonly<Record<string, string>>
    readonly headers?: Readonly<Record<string, string>>
    readonly json?: unknown
    readonly text?: string
    readonly bytes?: string
    readonly form?: Readonly<Record<string, string>>
    readonly auth?: readonly [string, string]
    readonly cookies?: Readonly<Record<string, string>>
  }
}

const cases: ReadonlyArray<Case> = [
  { name: "a bare GET", method: "GET", path: "/", options: {} },
  { name: "params after a query", method: "GET", path: "/p?a=1", options: { params: { b: "c d", é: "ü&" } } },
  // A space in the query of a URL is "+" in aiohttp and "%20" here, as in the URL standard.
  { name: "a path to be encoded", method: "GET", path: "/a b/é%20c?x=yz", options: {} },
  { name: "headers", method: "GET", path: "/h", options: { headers: { "X-One": "1", "x-two": "värde" } } },
  { name: "JSON", method: "POST", path: "/json", options: { json: [1, "two", null] } },
  { name: "text", method: "POST", path: "/text", options: { text: "grüße" } },
  { name: "bytes", method: "PUT", path: "/bytes", options: { bytes: "abc" } },
  { name: "a form", method: "POST", path: "/form", options: { form: { a: "b c", "d&": "é" } } },
  { name: "no body", method: "POST", path: "/empty", options: {} },
  { name: "DELETE", method: "DELETE", path: "/d", options: {} },
  { name: "HEAD", method: "HEAD", path: "/head", options: {} },
  { name: "OPTIONS", method: "OPTIONS", path: "/o", options: {} },
  { name: "credentials", method: "GET", path: "/auth", options: { auth: ["user", "pass word"] } },
  { name: "cookies", method: "GET", path: "/c", options: { cookies: { one: "1", two: "a" } } },
  {
    name: "a content type of one's own",
    method: "POST",
    path: "/type",
    options: { bytes: "{}", headers: { "Content-Type": "application/vnd.api+json" } }
  }
]

/** Intended differences: headers by name, with the reason. */
const differences: ReadonlyMap<string, string> = new Map([
  ["host", "each has a connection of its own, but the same server: compared by itself"],
  ["user-agent", "each names itself"],
  ["accept-encoding", "what each can decode"]
])

/** Headers that aiohttp sends with some cases and we do not, or the other way round. */
const exceptions: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  // RFC 9110 section 8.3: a message without content has no type.
  ["no body", ["content-type"]],
  // No content is meant: section 8.6 asks for a length only where the method anticipates content.
  ["DELETE", ["content-length", "content-type"]]
])

interface Received {
  readonly line: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

const parse = (text: string): Received => {
  const [head = "", body = ""] = text.split("\r\n\r\n", 2)
  const [line = "", ...lines] = head.split("\r\n")
  return {
    line,
    headers: new Map(
      lines.map((one) => [one.slice(0, one.indexOf(":")).toLowerCase(), one.slice(one.indexOf(":") + 1).trim()])
    ),
    body
  }
}

/** Keeps requests as they came; a body ends with its Content-Length. */
const recorder = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly received: Array<Received>; readonly close: () => void }>((resume) => {
    const received: Array<Received> = []
    const server = createServer((socket) => {
      let text = ""
      socket.on("error", () => {})
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1")
        const end = text.indexOf("\r\n\r\n")
        if (end < 0) return
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
        if (text.length < end + 4 + length) return
        received.push(parse(text))
        text = ""
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, received, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const sendByAiohttp = (url: string) =>
  Effect.gen(function* () {
    const path = yield* directory
    yield* write(`${path}/cases.json`, JSON.stringify(cases))
    const script = fileURLToPath(new URL("./wire.py", import.meta.url))
    yield* Effect.async<void>((resume) => {
      execFile(python, [script, url, `${path}/cases.json`], (error, _stdout, stderr) =>
        resume(error === null ? Effect.void : Effect.dieMessage(stderr))
      )
    })
  })

const sendByUs = (url: string) =>
  Effect.forEach(cases, ({ method, options, path }) => {
    const { auth, bytes, form, ...rest } = options
    const data = bytes === undefined ? form : new TextEncoder().encode(bytes)
    return Session.request(method, url + path, {
      ...rest,
      data,
      auth: auth === undefined ? undefined : Auth.basic(auth[0], auth[1])
    }).pipe(ClientResponse.discard)
  })

const session = Session.layerWithoutDependencies().pipe(
  Layer.provide([Connector.layerTcp(), CookieJar.layer({ unsafe: true })])
)

it.scopedLive("the same requests as aiohttp's are the same on the wire, but for what is listed", () =>
  Effect.gen(function* () {
    const theirs = yield* recorder
    const ours = yield* recorder
    yield* sendByAiohttp(theirs.url)
    yield* sendByUs(ours.url).pipe(Effect.provide(session))
    assert.strictEqual(theirs.received.length, cases.length)
    assert.strictEqual(ours.received.length, cases.length)
    const found: Array<string> = []
    cases.forEach(({ name }, index) => {
      const a = theirs.received[index]
      const b = ours.received[index]
      if (a === undefined || b === undefined) return
      if (a.line !== b.line) found.push(`${name}: ${a.line} / ${b.line}`)
      if (name !== "JSON" && a.body !== b.body) found.push(`${name}: body ${a.body} / ${b.body}`)
      if (name === "JSON") assert.deepStrictEqual(JSON.parse(b.body), JSON.parse(a.body))
      for (const header of new Set([...a.headers.keys(), ...b.headers.keys()])) {
        if (differences.has(header) || exceptions.get(name)?.includes(header) === true) continue
        // JSON.stringify writes no spaces.
        if (name === "JSON" && header === "content-length") continue
        if (a.headers.get(header) !== b.headers.get(header)) {
          found.push(`${name}: ${header}: ${a.headers.get(header)} / ${b.headers.get(header)}`)
        }
      }
    })
    assert.deepStrictEqual(found, [])
  })
)
