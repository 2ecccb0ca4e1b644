import { assert, describe, it } from "@effect/vitest"
import { parseHttpDate } from "../../../src/internal/http/httpDate.js"
import { retryAfter } from "../../../src/internal/middleware/retryAfter.js"
import { complete } from "../response/support.js"

/** Sun, 06 Nov 1994 08:49:37 GMT */
const now = 784111777000

describe("parseHttpDate", () => {
  const rows: ReadonlyArray<readonly [string, number | undefined]> = [
    ["Sun, 06 Nov 1994 08:49:37 GMT", now],
    ["Sunday, 06-Nov-94 08:49:37 GMT", now],
    ["Sun Nov  6 08:49:37 1994", now],
    ["Sun Nov 16 08:49:37 1994", now + 10 * 86400000],
    // More than fifty years ahead means the past (RFC 9110 section 5.6.7).
    ["Sunday, 06-Nov-45 08:49:37 GMT", Date.UTC(1945, 10, 6, 8, 49, 37)],
    ["Sunday, 06-Nov-44 08:49:37 GMT", Date.UTC(2044, 10, 6, 8, 49, 37)],
    ["Sun, 06 Nov 1994 08:49:60 GMT", now + 23000],
    ["Sun, 06 Nov 1994 24:49:37 GMT", undefined],
    ["Sun, 06 Nix 1994 08:49:37 GMT", undefined],
    ["Sun, 06 Nov 1994 08:49:37 CET", undefined],
    ["Sun, 6 Nov 1994 08:49:37 GMT", undefined],
    ["1994-11-06T08:49:37Z", undefined],
    ["soon", undefined],
    ["", undefined]
  ]
  for (const [text, expected] of rows) {
    it(JSON.stringify(text), () => assert.strictEqual(parseHttpDate(text, now), expected))
  }
})

describe("retryAfter", () => {
  const rows: ReadonlyArray<readonly [number, Record<string, string>, number | undefined]> = [
    [503, { "Retry-After": "120" }, 120_000],
    [503, { "retry-after": " 0 " }, 0],
    [500, { "Retry-After": "3" }, 3000],
    [503, { "Retry-After": "Sun, 06 Nov 1994 08:49:47 GMT" }, 10_000],
    [503, { "Retry-After": "Sunday, 06-Nov-94 08:49:47 GMT" }, 10_000],
    [503, { "Retry-After": "Sun, 06 Nov 1994 08:49:27 GMT" }, 0],
    [503, { "Retry-After": "-1" }, undefined],
    [503, { "Retry-After": "1.5" }, 1500],
    [503, { "Retry-After": "299.997" }, 299_997],
    [503, { "Retry-After": "0.0001" }, 1],
    [503, { "Retry-After": "2." }, 2000],
    [503, { "Retry-After": ".25" }, 250],
    [503, { "Retry-After": "1.1" }, 1100],
    [503, { "Retry-After": `0.${"3".repeat(40)}` }, 334],
    [503, { "Retry-After": "9".repeat(20) }, 1.0000000000000001e23],
    [503, { "Retry-After": "9".repeat(400) }, Infinity],
    [503, { "Retry-After": "." }, undefined],
    [503, { "Retry-After": "1.2.3" }, undefined],
    [503, { "Retry-After": "1e3" }, undefined],
    [503, { "Retry-After": "" }, undefined],
    [503, { "Retry-After": "later" }, undefined],
    [429, { "RateLimit-Reset": "7" }, 7000],
    [429, { "X-RateLimit-Reset": "7" }, 7000],
    [429, { "X-Rate-Limit-Reset": "7.5" }, 7500],
    [503, { "RateLimit-Reset": "7" }, 7000],
    // Seconds and milliseconds since the epoch.
    [429, { "X-RateLimit-Reset": "1784111777" }, 1_000_000_000_000],
    [429, { "X-RateLimit-Reset": "1784111777000" }, 1_000_000_000_000],
    [429, { RateLimit: '"default";r=0;t=30' }, 30_000],
    [429, { RateLimit: '"default";r=0;t=2.5' }, 2500],
    [429, { RateLimit: '"default";r=0.5;t=2.5' }, undefined],
    [429, { "RateLimit-Reset": "299.997" }, 299_997],
    [429, { "X-RateLimit-Reset": "1784111777.5" }, 1_000_000_000_500],
    [429, { RateLimit: '"burst";r=0;t=5, "day";r=0;t=60' }, 60_000],
    [429, { RateLimit: '"burst";r=0;t=5, "day";r=10;t=60' }, 5000],
    // Retry-After takes precedence over the reset of a limit.
    [429, { "Retry-After": "1", "RateLimit-Reset": "7" }, 1000],
    // The status does not mean that a limit was exceeded.
    [500, { "RateLimit-Reset": "7" }, undefined],
    [503, {}, undefined]
  ]
  for (const [status, headers, expected] of rows) {
    it(`${status} ${JSON.stringify(headers)}`, () => {
      assert.strictEqual(retryAfter(complete("", { status, headers: Object.entries(headers) }), now), expected)
    })
  }
})
