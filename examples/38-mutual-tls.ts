/**
 * Recipe: mutual TLS with a private authority, and a pinned certificate that is renewed.
 */
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { ConfigProvider, Console, Effect, Layer } from "effect"
import { ClientResponse, Session, Ssl } from "effect-http-session"
import { device, pinned, status } from "./recipes/mutualTls.js"
import { standard } from "./support/certificates.js"
import { serve } from "./support/server.js"

const program = Effect.gen(function* () {
  // The files that the openssl commands of docs/recipes.md create.
  const { authority, ca, client, good } = yield* standard()
  const renewed = yield* authority.issue()
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  yield* fs.writeFileString(`${directory}/ca.pem`, ca)
  yield* fs.writeFileString(`${directory}/device.pem`, client.cert)
  yield* fs.writeFileString(`${directory}/device.key`, client.key)

  const strict = yield* serve(() => ({ body: "welcome" }), {
    tls: { ...good, ca, requestCert: true, rejectUnauthorized: true }
  })
  const read = Session.get("/").pipe(
    ClientResponse.text,
    Effect.catchAll((error) => Effect.succeed(error.message.replaceAll(/:\d+/g, "")))
  )
  yield* Console.log("with a certificate:   ", yield* Effect.provide(read, device(directory, strict.url)))

  const open = yield* serve(() => ({ body: "ok" }), { tls: good })
  const fingerprint = (text: string) =>
    Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["API_FINGERPRINT", text]])))
  const withPin = (text: string) => read.pipe(Effect.provide(pinned(open.url)), Effect.provide(fingerprint(text)))
  yield* Console.log("with the right pin:   ", yield* withPin(good.sha256))
  yield* Console.log("with another pin:     ", (yield* withPin("0".repeat(64))).slice(0, 70))

  // The server has its new certificate; the program accepts both pins.
  const changed = yield* serve(() => ({ body: "renewed" }), { tls: renewed })
  const both = status(changed.url, Ssl.fingerprint(good.sha256), Ssl.fingerprint(renewed.sha256))
  yield* Console.log("after the renewal:    ", yield* Effect.provide(both, Session.layer()))
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

NodeRuntime.runMain(program)
