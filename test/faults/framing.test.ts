/**
 * Servers that break the framing of their responses: cut, too long, malformed. A part is never complete, and no byte of
 * one response reaches another.
 */
import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Stream } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import * as Rows from "../conformance/http1Rows.js"
import { invariants } from "../support/invariants.js"
import { faultySession, itFault, nonce, outcome } from "../support/itFault.js"
import * as Server from "../support/server.js"
import { untilValue } from "../support/wait.js"

const { plays, send, request, fin, reset, stall } = Server

/** The error of an exit with this tag; fails the test for any other exit. */
const failed = <A>(exit: Exit.Exit<A, ClientError>): ClientError => {
  if (Exit.isSuccess(exit)) return assert.fail(`succeeded with ${JSON.stringify(exit.value)}`)
  const error = Cause.failureOption(exit.cause)
  return Option.isSome(error) ? error.value : assert.fail(Cause.pretty(exit.cause))
}

const limits: ClientRequest.RequestOptions = { timeout: "15 seconds" }

const get = (session: Session.SessionService, at: Server.Server, options?: ClientRequest.RequestOptions) =>
  session.get(`${at.url}/own`, { ...limits, ...options })

const accepted = (at: Server.Server): number => Effect.runSync(at.accepted)

const head = (...fields: ReadonlyArray<string>): string => ["HTTP/1.1 200 OK", ...fields, "", ""].join("\r\n")

describe("an incomplete response", () => {
  const cut: ReadonlyArray<readonly [name: string, fields: ReadonlyArray<string>, body: string, received: number]> = [
    ["a length of 10 and 4 bytes", ["Content-Length: 10"], "abcd", 4],
    ["a length of 10, 4 bytes and Connection: close", ["Content-Length: 10", "Connection: close"], "abcd", 4],
    ["a length of 10 and no byte", ["Content-Length: 10"], "", 0],
    ["chunks without the last", ["Transfer-Encoding: chunked"], "4\r\nabcd\r\n", 4],
    [
      "chunks without the last and Connection: close",
      ["Transfer-Encoding: chunked", "Connection: close"],
      "4\r\nabcd\r\n",
      4
    ],
    ["a chunk cut in its data", ["Transfer-Encoding: chunked"], "8\r\nabcd", 4],
    ["a chunk cut in its size", ["Transfer-Encoding: chunked"], "4\r\nabcd\r\n1", 4],
    ["the last chunk without its empty line", ["Transfer-Encoding: chunked"], "4\r\nabcd\r\n0\r\n", 4],
    ["the last chunk cut in its trailers", ["Transfer-Encoding: chunked"], "4\r\nabcd\r\n0\r\nA: b\r\n", 4]
  ]
  const ends = [
    ["FIN", fin],
    ["RST", reset]
  ] as const

  for (const [name, fields, body, received] of cut) {
    for (const [how, end] of ends) {
      const play = plays(request, send(head(...fields)), send(body), end)
      itFault(
        `fails a decoder: ${name}, then ${how}`,
        play,
        (session, at) => get(session, at).pipe(ClientResponse.text),
        (exit, at) => {
          const error = failed(exit)
          assert.strictEqual(error._tag, "ClientPayloadError")
          if (error._tag !== "ClientPayloadError") return
          assert.strictEqual(error.reason, "Incomplete")
          assert.strictEqual(error.received, received)
          assert.strictEqual(error.expected, fields[0] === "Content-Length: 10" ? 10 : undefined)
          assert.strictEqual(error.phase, "body")
          assert.strictEqual(accepted(at), 2)
        }
      )
      itFault(
        `fails a stream: ${name}, then ${how}`,
        play,
        (session, at) => {
          const seen: Array<Uint8Array> = []
          return get(session, at).pipe(
            Effect.flatMap((response) =>
              Stream.runForEach(response.stream, (chunk) => Effect.sync(() => seen.push(chunk)))
            ),
            Effect.ensuring(
              Effect.sync(() => assert.strictEqual(Buffer.concat(seen).toString(), "abcd".slice(0, received)))
            )
          )
        },
        (exit) => assert.strictEqual(outcome(exit), "ClientPayloadError")
      )
    }
  }

  itFault(
    "fails if its body has no length and ends with RST",
    plays(request, send(head()), send("abcd"), reset),
    (session, at) => get(session, at).pipe(ClientResponse.bytes),
    (exit) => {
      const error = failed(exit)
      assert.strictEqual(error._tag, "ClientPayloadError")
      assert.strictEqual(error._tag === "ClientPayloadError" ? error.received : -1, 4)
    }
  )

  itFault(
    "is taken as complete if its body has no length and ends with FIN",
    plays(request, send(head()), send("ab"), send("cd"), fin),
    (session, at) => Effect.map(get(session, at).pipe(ClientResponse.text), (text) => assert.strictEqual(text, "abcd"))
  )

  itFault(
    "fails if two connections end without a byte",
    [plays(request, fin), plays(request, fin)],
    (session, at) => get(session, at).pipe(ClientResponse.text),
    (exit) => {
      const error = failed(exit)
      assert.strictEqual(error._tag, "ServerDisconnectedError")
      if (error._tag === "ServerDisconnectedError") {
        assert.deepStrictEqual([error.reused, error.received, error.phase], [false, 0, "headers"])
      }
    }
  )

  itFault(
    "fails if FIN cuts its head",
    plays(request, send("HTTP/1.1 200 OK\r\nA: b\r\n"), fin),
    (session, at) => get(session, at).pipe(ClientResponse.text),
    (exit) => {
      const error = failed(exit)
      assert.strictEqual(error._tag, "ServerDisconnectedError")
      if (error._tag === "ServerDisconnectedError") assert.strictEqual(error.received, 23)
    }
  )

  itFault(
    "fails if RST cuts its head",
    plays(request, send("HTTP/1.1 200 OK\r\nA: b\r\n"), reset),
    (session, at) => get(session, at).pipe(ClientResponse.text),
    (exit) => {
      const error = failed(exit)
      assert.strictEqual(error._tag, "ClientOSError")
      if (error._tag === "ClientOSError") assert.strictEqual(error.code, "ECONNRESET")
    }
  )
})

describe("a connection is closed after", () => {
  const own = Server.response(200, "own")
  const foreign = Server.response(200, "foreign")
  const text = (session: Session.SessionService, at: Server.Server) =>
    Effect.map(get(session, at).pipe(ClientResponse.text), (body) => assert.strictEqual(body, "own"))
  const rows: ReadonlyArray<readonly [string, Server.Play]> = [
    ["one byte too many in the same packet", plays(request, send(`${own}x`), stall)],
    ["a line end too many in the same packet", plays(request, send(`${own}\r\n`), stall)],
    ["a second response in the same packet", plays(request, send(own + foreign), stall)],
    [
      "a second response after chunks",
      plays(request, send(`${head("Transfer-Encoding: chunked")}3\r\nown\r\n0\r\n\r\n${foreign}`), stall)
    ]
  ]
  for (const [name, play] of rows) {
    itFault(name, play, text, (exit, at) => {
      assert.strictEqual(outcome(exit), "Success")
      assert.strictEqual(accepted(at), 2)
    })
  }

  const later: ReadonlyArray<readonly [string, string]> = [
    ["one byte", "x"],
    ["a line end", "\r\n"],
    ["a whole response", foreign],
    ["408 and the end", `HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`]
  ]
  for (const [name, bytes] of later) {
    let go: () => void = () => {}
    const idle = new Promise<void>((resolve) => {
      go = resolve
    })
    const play = plays(request, send(own), () => Effect.promise(() => idle), send(bytes), stall)
    itFault(
      `${name} while it is idle`,
      play,
      (session, at) =>
        text(session, at).pipe(
          Effect.zipRight(untilValue(session.connector.stats, (stats) => stats.idle === 1)),
          Effect.zipRight(Effect.sync(go)),
          Effect.zipRight(untilValue(session.connector.stats, (stats) => stats.idle === 0))
        ),
      (exit, at) => {
        assert.strictEqual(outcome(exit), "Success")
        assert.strictEqual(accepted(at), 2)
      }
    )
  }
})

describe("responses without a body", () => {
  const reply = (status: number, ...fields: ReadonlyArray<string>) =>
    [`HTTP/1.1 ${status} Status`, ...fields, "", ""].join("\r\n")
  const rows: ReadonlyArray<readonly [name: string, method: string, raw: string, connections: 1 | 2]> = [
    ["HEAD with a length", "HEAD", reply(200, "Content-Length: 10"), 1],
    ["HEAD with chunks", "HEAD", reply(200, "Transfer-Encoding: chunked"), 1],
    ["HEAD without framing fields", "HEAD", reply(200), 1],
    ["HEAD and a coding", "HEAD", reply(200, "Content-Encoding: gzip", "Content-Length: 10"), 1],
    ["HEAD with 404", "HEAD", reply(404, "Content-Length: 10"), 1],
    ["HEAD with a body", "HEAD", `${reply(200, "Content-Length: 3")}abc`, 2],
    ["204", "GET", reply(204), 1],
    ["204 with a coding", "GET", reply(204, "Content-Encoding: gzip"), 1],
    ["204 with length 0", "GET", reply(204, "Content-Length: 0"), 1],
    ["204 with a length, which may announce a body", "GET", reply(204, "Content-Length: 3"), 2],
    ["204 with a body", "GET", `${reply(204, "Content-Length: 3")}abc`, 2],
    ["205 with length 0", "GET", reply(205, "Content-Length: 0"), 1],
    ["205 with a body", "GET", `${reply(205, "Content-Length: 3")}abc`, 2],
    ["304", "GET", reply(304), 1],
    ["304 with the length of the unchanged body", "GET", reply(304, "Content-Length: 10", "Content-Encoding: gzip"), 1],
    ["304 with chunks", "GET", reply(304, "Transfer-Encoding: chunked"), 1],
    ["304 with a body", "GET", `${reply(304, "Content-Length: 3")}abc`, 2],
    ["200 with length 0 and a coding", "GET", reply(200, "Content-Length: 0", "Content-Encoding: gzip"), 1],
    ["POST with 204", "POST", reply(204), 1]
  ]
  for (const [name, method, raw, connections] of rows) {
    itFault(
      name,
      plays(request, send(raw)),
      (session, at) =>
        session.request(method, `${at.url}/own`, limits).pipe(
          ClientResponse.bytes,
          Effect.map((bytes) => assert.strictEqual(bytes.length, 0))
        ),
      (exit, at) => {
        assert.strictEqual(outcome(exit), "Success")
        assert.strictEqual(accepted(at), connections)
      }
    )
  }
})

describe("informational responses", () => {
  const info = (status: number, ...fields: ReadonlyArray<string>) =>
    [`HTTP/1.1 ${status} Info`, ...fields, "", ""].join("\r\n")
  const own = Server.response(200, "own")
  const taken: ReadonlyArray<readonly [string, string]> = [
    ["an unrequested 100", info(100)],
    ["102", info(102)],
    ["103 three times", info(103, "Link: </a>").repeat(3)],
    ["103 with a length, which has no body", info(103, "Content-Length: 5")],
    ["17 of them", info(199).repeat(17)],
    ["5000 of them", info(103).repeat(5000)]
  ]
  for (const [name, raw] of taken) {
    itFault(
      `are skipped: ${name}`,
      plays(request, send(raw), send(own)),
      (session, at) =>
        Effect.map(get(session, at).pipe(ClientResponse.text), (text) => assert.strictEqual(text, "own")),
      (exit, at) => {
        assert.strictEqual(outcome(exit), "Success")
        assert.strictEqual(accepted(at), 1)
      }
    )
  }

  const refused: ReadonlyArray<readonly [string, Server.Play, string, string | undefined]> = [
    ["20 000 of them", plays(request, send(info(103).repeat(20_000)), send(own)), "BadHttpMessage", "Limit"],
    [
      "101 that nobody asked for",
      plays(request, send(info(101, "Upgrade: x")), stall),
      "BadHttpMessage",
      "Unsolicited"
    ],
    ["100 and the end", plays(request, send(info(100)), fin), "ServerDisconnectedError", undefined]
  ]
  for (const [name, play, tag, reason] of refused) {
    itFault(
      name,
      play,
      (session, at) => get(session, at).pipe(ClientResponse.text),
      (exit, at) => {
        const error = failed(exit)
        assert.strictEqual(error._tag, tag)
        if (error._tag === "BadHttpMessage") assert.strictEqual(error.reason, reason)
        assert.strictEqual(accepted(at), 2)
      }
    )
  }

  itFault(
    "that never end exceed the time limit of the request",
    plays(request, Server.drip(info(103).repeat(100_000), 1, 5)),
    (session, at) => get(session, at, { timeout: "300 millis" }).pipe(ClientResponse.text),
    (exit) => assert.strictEqual(outcome(exit), "TotalTimeoutError"),
    { within: 300 }
  )
})

describe("a reply that is not HTTP", () => {
  const rows: ReadonlyArray<readonly [string, string | Uint8Array, string, string]> = [
    ["an SSH banner", "SSH-2.0-OpenSSH_9.7\r\n", "StatusLine", "S"],
    ["SETTINGS of HTTP/2", Buffer.from("00000604000000000000040000ffff", "hex"), "StatusLine", "\\x00"],
    ["a TLS alert", Buffer.from("15030300020228", "hex"), "StatusLine", "\\x15"],
    ["HTML alone", "<html>", "StatusLine", "<"],
    ["a field without colon", "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n", "Header", "No"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", "Framing", "2"],
    ["a head that does not end", `HTTP/1.1 200 OK\r\n${`A: ${"b".repeat(1000)}\r\n`.repeat(400)}`, "Limit", "b"],
    ["too many fields", `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(1200)}\r\n`, "Limit", "A"]
  ]
  for (const [name, raw, reason, excerpt] of rows) {
    for (const [how, play] of [
      ["whole", send(raw)],
      ["in two packets", Server.split(raw, Math.ceil(Buffer.from(raw).length / 2))]
    ] as const) {
      itFault(
        `fails with an excerpt: ${name}, ${how}`,
        plays(request, play, stall),
        (session, at) => get(session, at).pipe(ClientResponse.text),
        (exit, at) => {
          const error = failed(exit)
          assert.strictEqual(error._tag, "BadHttpMessage")
          if (error._tag !== "BadHttpMessage") return
          assert.strictEqual(error.reason, reason, error.description)
          assert.include(error.excerpt, excerpt)
          assert.isAtMost(error.excerpt.length, 100)
          assert.strictEqual(error.remoteAddress, "127.0.0.1")
          assert.strictEqual(accepted(at), 2)
        }
      )
    }
  }

  itFault(
    "fails with a ClientPayloadError if the body breaks its framing",
    plays(request, send(`${head("Transfer-Encoding: chunked")}4\r\nabcd\r\n0x4\r\nabcd\r\n`), stall),
    (session, at) => get(session, at).pipe(ClientResponse.text),
    (exit, at) => {
      const error = failed(exit)
      assert.strictEqual(error._tag === "ClientPayloadError" ? error.reason : error._tag, "Framing")
      assert.strictEqual(accepted(at), 2)
    }
  )
})

describe("the reuse of a connection", () => {
  const text = (session: Session.SessionService, at: Server.Server) =>
    Effect.map(get(session, at).pipe(ClientResponse.text), (body) => assert.strictEqual(body, "own"))
  const oldHead = (...fields: ReadonlyArray<string>) =>
    ["HTTP/1.0 200 OK", ...fields, "Content-Length: 3", "", "own"].join("\r\n")
  const rows: ReadonlyArray<readonly [string, string, 1 | 2]> = [
    ["no Connection header", Server.response(200, "own"), 1],
    ["Connection: keep-alive", Server.response(200, "own", ["Connection: keep-alive"]), 1],
    ["Connection: close from a server that leaves it open", Server.response(200, "own", ["Connection: close"]), 2],
    ["Connection: CLOSE among others", Server.response(200, "own", ["Connection: x, CLOSE"]), 2],
    [
      "Connection: keep-alive and Connection: close",
      Server.response(200, "own", ["Connection: keep-alive", "Connection: close"]),
      2
    ],
    ["HTTP/1.0", oldHead(), 2],
    ["HTTP/1.0 with keep-alive", oldHead("Connection: Keep-Alive"), 1],
    ["Keep-Alive: timeout=0", Server.response(200, "own", ["Keep-Alive: timeout=0"]), 2],
    ["Keep-Alive: timeout=1", Server.response(200, "own", ["Keep-Alive: timeout=1, max=5"]), 1],
    ["Keep-Alive: timeout=-5", Server.response(200, "own", ["Keep-Alive: timeout=-5"]), 1],
    ["Keep-Alive: timeout=NaN", Server.response(200, "own", ["Keep-Alive: timeout=NaN"]), 1],
    ["Keep-Alive: timeout=1e400", Server.response(200, "own", ["Keep-Alive: timeout=1e400"]), 1],
    [
      "Keep-Alive: timeout=99999999999999999999",
      Server.response(200, "own", ["Keep-Alive: timeout=99999999999999999999"]),
      1
    ],
    ["a request with Connection: close", Server.response(200, "own"), 2]
  ]
  for (const [name, raw, connections] of rows) {
    itFault(
      name,
      plays(request, send(raw)),
      (session, at) =>
        name.startsWith("a request")
          ? get(session, at, { headers: { Connection: "close" } }).pipe(ClientResponse.text)
          : text(session, at),
      (exit, at) => {
        assert.strictEqual(outcome(exit), "Success")
        assert.strictEqual(accepted(at), connections)
      }
    )
  }
})

interface Row {
  readonly name: string
  readonly raw: Buffer
  readonly verdict: Rows.Verdict
}

/** Requests each row on its own connection in one session, and compares the outcome with the parser's. */
const replay = (
  name: string,
  suite: string,
  rowsOf: (json: ReadonlyArray<Record<string, string>>) => ReadonlyArray<Row>
) => {
  const url = new URL(`../../../shared/suites/${suite}`, import.meta.url)
  describe.skipIf(!existsSync(url))(name, () => {
    it.scopedLive("has the same outcomes in a session as in the parser", () =>
      Effect.gen(function* () {
        const rows = rowsOf(JSON.parse(readFileSync(url, "utf8")))
        assert.isNotEmpty(rows)
        // A connection that ends without a byte causes a second attempt.
        const plans = rows.flatMap(({ raw }) => {
          const play = plays(request, send(raw), fin)
          return raw.length === 0 ? [play, play] : [play]
        })
        const { at, connector, session } = yield* faultySession(plans, { connector: { forceClose: true } })
        const exit = yield* invariants(
          Effect.forEach(rows, (row) =>
            get(session, at, { allowRedirects: false, autoDecompress: false }).pipe(
              ClientResponse.bytes,
              Effect.match({ onFailure: (error) => error._tag, onSuccess: () => "accept" as const }),
              Effect.map((result) => ({
                name: row.name,
                verdict: result === "accept" ? "accept" : "reject",
                tag: result
              }))
            )
          ),
          { connector, servers: [at], followUp: nonce(session, at), deliveries: plans.length }
        )
        assert.isTrue(Exit.isSuccess(exit))
        if (!Exit.isSuccess(exit)) return
        assert.deepStrictEqual(
          exit.value.map((row) => `${row.name}: ${row.verdict}`),
          rows.map((row) => `${row.name}: ${row.verdict}`)
        )
        const tags = new Set(exit.value.map((row) => row.tag))
        for (const tag of tags) {
          assert.include(["accept", "BadHttpMessage", "ClientPayloadError", "ServerDisconnectedError"], tag)
        }
        assert.strictEqual(accepted(at), plans.length + 1)
      })
    )
  })
}

describe("public suites over sockets", () => {
  replay("curl-replies.json", "curl-replies.json", (json) =>
    json.map(({ test = "", curlErrorcode, rawBase64 = "" }) => ({
      name: test,
      raw: Buffer.from(rawBase64, "base64"),
      verdict:
        (Rows.curlDiffering.default[test] ?? Rows.curlSilent.default[test])?.[0] ??
        (Number(curlErrorcode) === 0 ? "accept" : "reject")
    }))
  )
  replay("wpt-h1-parsing.json", "wpt-h1-parsing.json", (json) =>
    json.map(({ name = "", rawBase64 = "" }) => ({
      name,
      raw: Buffer.from(rawBase64, "base64"),
      verdict: Rows.h1Parsing[name]?.[0] ?? "accept"
    }))
  )
})
