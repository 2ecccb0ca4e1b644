/** The files of the projects of vitest, for both editions. */

/**
 * Tests that measure memory or work, wait in real time, start processes, or cut or interrupt at every step. `npm run test:all`
 * runs them, `npm test` does not.
 */
export const slow = [
  "test/CookieJar.processes.test.ts",
  "test/Middleware.cache.processes.test.ts",
  "test/faults/bodyMemory.test.ts",
  "test/faults/connectionReuse.test.ts",
  "test/faults/descriptors.test.ts",
  "test/faults/dialNamespace.test.ts",
  "test/faults/http2/connections.test.ts",
  "test/faults/http2/lifetimes.test.ts",
  "test/faults/http2/process.test.ts",
  "test/faults/http2/windows.test.ts",
  "test/faults/idleMemory.test.ts",
  "test/faults/interruption.test.ts",
  "test/faults/queueMemory.test.ts",
  "test/faults/quietDeaths.test.ts",
  "test/faults/shutdown.test.ts",
  "test/faults/shutdownProcess.test.ts",
  "test/faults/stubborn.test.ts",
  "test/faults/tlsMemory.test.ts",
  "test/faults/tlsTrust.test.ts",
  "test/faults/webSocketCompression.test.ts",
  "test/faults/webSocketMemory.test.ts",
  "test/faults/webSockets.test.ts",
  "test/internal/linearTime.test.ts",
  "test/internal/response/truncatedCoding.test.ts",
  "test/internal/tracing/order.test.ts",
  "test/package/firstUse.test.ts",
  "test/package/imports.test.ts"
]

/** Tests of several sockets and faults at once. */
export const network = ["test/faults/**/*.test.ts", "test/Timeouts.network.test.ts"]
