import { assert, describe, it } from "@effect/vitest"
import * as Errors from "effect-http-session/Errors"
import { all, headers, history, limit, others } from "./support/everyError.js"

describe("isRetryable", () => {
  const fields = { host: "a.test", port: 1, code: "X" } as const
  const at = (method: string, attempt?: number) => ({ method, attempt })
  const answered = (status: number, method: string) =>
    new Errors.ClientResponseError({ method, status, reason: "", headers, history, body: "" })
  const reset = (method: string, code: Errors.Http2Code, unprocessed: boolean, attempt?: number) =>
    new Errors.StreamResetError({ ...at(method, attempt), code, scope: "Stream", unprocessed, debug: "" })
  const rows: ReadonlyArray<readonly [string, unknown, boolean]> = [
    ["a refused POST", new Errors.ClientConnectorError({ ...at("POST"), ...fields, reason: "Connect" }), true],
    [
      "a POST refused after a redirect or another attempt",
      new Errors.ClientConnectorError({ ...at("POST", 2), ...fields, reason: "Connect" }),
      false
    ],
    [
      "a GET refused in its third attempt",
      new Errors.ClientConnectorError({ ...at("GET", 3), ...fields, reason: "Connect" }),
      true
    ],
    [
      "addresses refused by policy",
      new Errors.ClientConnectorError({ ...at("GET"), ...fields, reason: "AddressPolicy" }),
      false
    ],
    ["a POST whose host has no address", new Errors.ClientConnectorDNSError({ ...at("POST"), ...fields }), true],
    ["a missing Unix socket", new Errors.UnixClientConnectorError({ ...at("POST"), path: "/x", code: "ENOENT" }), true],
    [
      "an expired certificate",
      new Errors.ClientConnectorSSLError({ ...at("GET"), ...fields, reason: "Expired" }),
      false
    ],
    [
      "a handshake refused by alert",
      new Errors.ClientConnectorSSLError({ ...at("GET"), ...fields, reason: "Handshake" }),
      false
    ],
    [
      "a handshake that ends with a reset",
      new Errors.ClientConnectorSSLError({ ...at("POST"), ...fields, reason: "Handshake", code: "ECONNRESET" }),
      true
    ],
    ["a certificate for another name", all.ClientConnectorCertificateError, false],
    ["a certificate other than the pinned one", all.FingerprintMismatch, false],
    [
      "a proxy that refuses connections",
      new Errors.ClientProxyConnectionError({ ...at("POST"), proxy: "", reason: "Connect", code: "" }),
      true
    ],
    [
      "a proxy with an untrusted certificate",
      new Errors.ClientProxyConnectionError({ ...at("GET"), proxy: "", reason: "Tls", code: "" }),
      false
    ],
    ["a 407", all.ClientHttpProxyError, false],
    [
      "a proxy's 503 to a POST",
      new Errors.ClientHttpProxyError({ ...at("POST"), proxy: "", status: 503, reason: "", headers, body: "" }),
      true
    ],
    [
      "a POST that never got a connection",
      new Errors.ConnectionTimeoutError({ ...at("POST"), phase: "queue", timeout: "poolWait", limit }),
      true
    ],
    ["a full queue", new Errors.PoolSaturatedError({ ...at("POST"), waiting: 1, maxQueue: 1 }), true],
    [
      "a GET without a response in time",
      new Errors.SocketTimeoutError({ ...at("GET"), phase: "headers", timeout: "headers", limit }),
      true
    ],
    [
      "a POST without a response in time",
      new Errors.SocketTimeoutError({ ...at("POST"), phase: "headers", timeout: "headers", limit }),
      false
    ],
    [
      "a POST that times out during DNS",
      new Errors.TotalTimeoutError({ ...at("POST"), phase: "dns", timeout: "total", limit }),
      true
    ],
    [
      "a POST that times out while it is sent",
      new Errors.TotalTimeoutError({ ...at("POST"), phase: "send", timeout: "total", limit }),
      false
    ],
    [
      "a PUT that times out",
      new Errors.TotalTimeoutError({ ...at("PUT"), phase: "body", timeout: "total", limit }),
      true
    ],
    [
      "a GET whose connection ended",
      new Errors.ServerDisconnectedError({ ...at("GET"), reused: false, received: 0 }),
      true
    ],
    [
      "a POST whose connection ended",
      new Errors.ServerDisconnectedError({ ...at("POST"), reused: true, received: 0 }),
      false
    ],
    [
      "a POST whose connection ended before it was written",
      new Errors.ServerDisconnectedError({ ...at("POST"), phase: "connect", reused: true, received: 0 }),
      true
    ],
    [
      "a POST whose connection ended while it was sent",
      new Errors.ServerDisconnectedError({ ...at("POST"), phase: "send", reused: true, received: 0 }),
      false
    ],
    ["a method in lower case", new Errors.ServerDisconnectedError({ ...at("get"), reused: true, received: 0 }), false],
    ["an error without a method", new Errors.ServerDisconnectedError({ reused: true, received: 0 }), false],
    ["a reset DELETE", new Errors.ClientOSError({ ...at("DELETE"), code: "ECONNRESET" }), true],
    ["a reset PATCH", new Errors.ClientOSError({ ...at("PATCH"), code: "ECONNRESET" }), false],
    ...(["REFUSED_STREAM", "NO_ERROR", "ENHANCE_YOUR_CALM"] as const).flatMap((code) =>
      (["GET", "POST"] as const).map(
        (method) => [`a ${method} refused with ${code}`, reset(method, code, true), true] as const
      )
    ),
    ["a POST refused in its second attempt", reset("POST", "REFUSED_STREAM", true, 2), false],
    ["a GET refused in its second attempt", reset("GET", "REFUSED_STREAM", true, 2), true],
    ...(
      ["NO_ERROR", "INTERNAL_ERROR", "CANCEL", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "HTTP_1_1_REQUIRED"] as const
    ).flatMap((code) => [
      [`a GET reset with ${code}`, reset("GET", code, false), true] as const,
      [`a POST reset with ${code}`, reset("POST", code, false), false] as const
    ]),
    ...(["PROTOCOL_ERROR", "FLOW_CONTROL_ERROR", "INADEQUATE_SECURITY", "0x2a"] as const).map(
      (code) => [`a GET reset with ${code}`, reset("GET", code, false), false] as const
    ),
    ["an incomplete body", new Errors.ClientPayloadError({ ...at("GET"), reason: "Incomplete", received: 1 }), true],
    [
      "a body that is too large",
      new Errors.ClientPayloadError({ ...at("GET"), reason: "TooLarge", received: 1 }),
      false
    ],
    ...[408, 425, 429, 502, 503, 504].flatMap((status) => [
      [`a GET answered ${status}`, answered(status, "GET"), true] as const,
      [`a POST answered ${status}`, answered(status, "POST"), false] as const
    ]),
    ...[400, 401, 403, 404, 409, 410, 418, 500, 501, 505].map(
      (status) => [`a GET answered ${status}`, answered(status, "GET"), false] as const
    ),
    ["a closed session", all.SessionClosedError, false],
    ["an invalid URL", all.InvalidURL, false],
    ["an invalid request", all.InvalidRequest, false],
    ["an invalid head of a response", all.BadHttpMessage, false],
    ["a middleware that failed", all.MiddlewareError, false],
    ["an invalid TLS context", others.SslContextError, false],
    ["a foreign error", new Error("x"), false],
    ["undefined", undefined, false]
  ]
  for (const [name, error, expected] of rows) {
    it(`returns ${expected} for ${name}`, () => {
      assert.strictEqual(Errors.isRetryable(error), expected)
    })
  }
})
