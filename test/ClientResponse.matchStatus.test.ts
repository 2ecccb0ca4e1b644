import { HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { ClientResponse, type Errors, Session } from "effect-http-session"
import { complete } from "./internal/response/support.js"
import { clientErrorCause, clientErrorKind } from "./support/clientErrors.js"
import * as Server from "./support/server.js"

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const assertType = <T extends true>(): T | undefined => undefined

const cases = {
  200: () => "200",
  404: () => "404",
  "2xx": () => "2xx",
  "3xx": () => "3xx",
  "4xx": () => "4xx",
  "5xx": () => "5xx",
  orElse: () => "orElse"
} as const

describe("ClientResponse.matchStatus", () => {
  const rows: ReadonlyArray<readonly [status: number, chosen: string]> = [
    [200, "200"],
    [201, "2xx"],
    [299, "2xx"],
    [300, "3xx"],
    [304, "3xx"],
    [400, "4xx"],
    [404, "404"],
    [499, "4xx"],
    [500, "5xx"],
    [599, "5xx"],
    [101, "orElse"],
    [600, "orElse"],
    [999, "orElse"]
  ]
  for (const [status, chosen] of rows) {
    it(`calls ${chosen} for ${status}, like @effect/platform`, () => {
      const response = complete("", { status })
      assert.strictEqual(ClientResponse.matchStatus(response, cases), chosen)
      assert.strictEqual(ClientResponse.matchStatus(cases)(response), chosen)
      const view = ClientResponse.toHttpClientResponse(response)
      assert.strictEqual(HttpClientResponse.matchStatus(view, cases), chosen)
    })
  }

  it("calls orElse for a class without a case", () => {
    const some = { 200: () => 1, orElse: () => 2 }
    assert.strictEqual(ClientResponse.matchStatus(complete("", { status: 204 }), some), 2)
  })

  it.scopedLive("can be passed to use, with cases that read the response", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(
        Server.answers(({ target }) =>
          target === "/1"
            ? Server.response(200, '{"id":1}', ["Content-Type: application/json"])
            : Server.response(404, '{"title":"no"}', ["Content-Type: application/problem+json"])
        )
      )
      const find = (path: string) =>
        Session.get(at.url + path).pipe(
          ClientResponse.use(
            ClientResponse.matchStatus({
              200: (response) => Effect.map(response.json, Option.some),
              404: () => Effect.succeed(Option.none()),
              orElse: (response) => Effect.zipRight(response.raiseForStatus, Effect.succeed(Option.none()))
            })
          ),
          Effect.provide(Session.layer())
        )
      const found = yield* find("/1")
      const missing = yield* find("/2")
      assert.deepStrictEqual([found, missing], [Option.some({ id: 1 }), Option.none()])
    })
  )

  it("returns the union of the types of its cases", () => {
    const matched = ClientResponse.matchStatus({
      200: (response: ClientResponse.ClientResponse) => response.text,
      orElse: (response: ClientResponse.ClientResponse) => Effect.as(response.raiseForStatus, 1)
    })
    type Result = ReturnType<typeof matched>
    assertType<Equals<Effect.Effect.Success<Result>, string | number>>()
    assertType<
      Equals<
        Effect.Effect.Error<Result>,
        | Errors.ClientPayloadError
        | Errors.SocketTimeoutError
        | Errors.TotalTimeoutError
        | Errors.SessionClosedError
        | Errors.ClientResponseError
      >
    >()
    // @ts-expect-error orElse is required
    const incomplete = () => ClientResponse.matchStatus({ 200: () => 1 })
    assert.isFunction(incomplete)
  })
})

describe("ClientResponse.toHttpClientResponse", () => {
  it.effect("can be decoded by functions of @effect/platform, which release it", () =>
    Effect.gen(function* () {
      const view = ClientResponse.toHttpClientResponse(complete('{"id":1}', { status: 201 }))
      const passed = yield* HttpClientResponse.filterStatusOk(view)
      assert.deepStrictEqual(yield* passed.json, { id: 1 })
      const refused = ClientResponse.toHttpClientResponse(complete("<html>", { status: 500 }))
      const filtered = yield* Effect.flip(HttpClientResponse.filterStatusOk(refused))
      assert.strictEqual(clientErrorKind(filtered), "ResponseError StatusCode")
      const error = yield* Effect.flip(refused.json)
      assert.strictEqual(clientErrorKind(error), "ResponseError Decode")
      assert.propertyVal(clientErrorCause(error), "_tag", "ContentTypeError")
    })
  )

  it("shows no secret of the URL", () => {
    const view = ClientResponse.toHttpClientResponse(complete("", { url: "http://a.test/?access_token=s3cret" }))
    assert.notInclude(JSON.stringify(view), "s3cret")
    assert.strictEqual(view.request.method, "GET")
  })
})
