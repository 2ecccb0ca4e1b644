import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Errors from "effect-http-session/Errors"
import { all, body, everyError } from "./support/everyError.js"

describe("the guards", () => {
  const groups: ReadonlyArray<readonly [string, (error: unknown) => boolean, ReadonlyArray<string>]> = [
    ["isClientError", Errors.isClientError, Object.keys(all)],
    [
      "isClientConnectionError",
      Errors.isClientConnectionError,
      [
        "ClientConnectorError",
        "ClientConnectorDNSError",
        "UnixClientConnectorError",
        "ClientConnectorSSLError",
        "ClientConnectorCertificateError",
        "FingerprintMismatch",
        "ClientProxyConnectionError",
        "ServerDisconnectedError",
        "ClientOSError",
        "StreamResetError",
        "ConnectionTimeoutError",
        "SocketTimeoutError"
      ]
    ],
    ["isClientSSLError", Errors.isClientSSLError, ["ClientConnectorSSLError", "ClientConnectorCertificateError"]],
    [
      "isTlsError",
      Errors.isTlsError,
      ["ClientConnectorSSLError", "ClientConnectorCertificateError", "FingerprintMismatch"]
    ],
    [
      "isServerTimeoutError",
      Errors.isServerTimeoutError,
      ["ConnectionTimeoutError", "SocketTimeoutError", "TotalTimeoutError"]
    ],
    ["isProxyError", Errors.isProxyError, ["ClientProxyConnectionError", "ClientHttpProxyError"]]
  ]
  for (const [name, guard, tags] of groups) {
    it(`${name} accepts the errors of its group and nothing else`, () => {
      assert.deepStrictEqual(
        everyError.filter(guard).map((error) => error._tag),
        Object.keys(all).filter((tag) => tags.includes(tag)) as Array<(typeof everyError)[number]["_tag"]>
      )
      for (const foreign of [undefined, null, 1, "InvalidURL", {}, { _tag: "InvalidURL" }, new Error("x")]) {
        assert.isFalse(guard(foreign))
      }
    })
  }

  it("narrow complete error channels, partial ones and unknown values", () => {
    type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
    const same = <_T extends true>() => {}
    type Failure<T> = T extends Effect.Effect<infer _A, infer E, infer _R> ? E : never

    const whole = Effect.fail(all.FingerprintMismatch as Errors.ClientError)
    const caught = whole.pipe(Effect.catchIf(Errors.isTlsError, (error) => Effect.succeed(error.certificate)))
    same<Same<Failure<typeof caught>, Exclude<Errors.ClientError, Errors.TlsError>>>()

    const partial = whole.pipe(
      Effect.catchTag("FingerprintMismatch", () => Effect.void),
      Effect.catchIf(Errors.isTlsError, (error) => Effect.succeed(error.reason))
    )
    same<Same<Failure<typeof partial>, Exclude<Errors.ClientError, Errors.TlsError>>>()

    const foreign: unknown = all.TotalTimeoutError
    if (Errors.isServerTimeoutError(foreign)) {
      same<Same<typeof foreign, Errors.ServerTimeoutError>>()
    } else {
      assert.fail("not narrowed")
    }
    assert.deepStrictEqual(Effect.runSync(Effect.either(caught))._tag, "Right")
  })

  it("leave the fields of errors typed in catchTag and constructors", () => {
    const handled = Effect.fail(all.JsonDecodeError as Errors.ClientError).pipe(
      Effect.catchTag("JsonDecodeError", (error) => Effect.succeed(error.excerpt))
    )
    assert.strictEqual(Effect.runSync(Effect.orDie(handled)), body)
    // @ts-expect-error the host is required
    new Errors.ClientConnectorDNSError({ code: "ENOTFOUND" })
    // @ts-expect-error a program cannot set the message
    new Errors.ClientConnectorDNSError({ host: "", code: "", message: "" })
  })
})
