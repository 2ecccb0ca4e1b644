// Runs the README's examples against servers of this process. The caller creates the certificate.
import { strict as assert } from "node:assert"
import { readFileSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo, Server } from "node:net"
import { Effect } from "effect"
import { api, impostor, live, mocked } from "./newcomer.js"

/** `api` on a socket. */
const listener: RequestListener = (request, response) => {
  const headers = new Headers()
  if (request.headers.cookie !== undefined) headers.set("cookie", request.headers.cookie)
  const answer = api(new Request(`http://localhost${request.url}`, { headers }))
  request.resume().on("end", async () => {
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    response.end(await answer.text())
  })
}

const during = async (server: Server, scheme: string, use: (url: string) => Promise<void>): Promise<void> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    await use(`${scheme}://localhost:${(server.address() as AddressInfo).port}/`)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

export const main = async (tls: { readonly cert: string; readonly key: string }): Promise<void> => {
  await during(createServer(listener), "http", async (url) => {
    assert.equal(await Effect.runPromise(live(url)), "Hello Ada")
  })
  await during(createTlsServer(tls, listener), "https", async (url) => {
    assert.equal(await Effect.runPromise(live(url)), "Not trusted: SelfSigned")
  })
  assert.equal(await Effect.runPromise(mocked(api)), "Hello Ada")
  assert.match(await Effect.runPromise(mocked(impostor)), /^It is /)
  const refused = await Effect.runPromise(Effect.flip(mocked(() => new Response("{}", { status: 401 }))))
  assert.equal(refused._tag, "ClientResponseError")
}

if (process.argv[2] !== undefined) {
  const [, , cert = "", key = ""] = process.argv
  await main({ cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") })
  console.log("the README's program runs")
}
