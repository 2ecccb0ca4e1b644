import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/**
 * Tests that measure memory or work, wait in real time, start processes, or cut or interrupt at every step. `npm run test:all`
 * runs them, `npm test` does not.
 */
const slow = [
  "test/CookieJar.processes.test.ts",
  "test/Middleware.cache.processes.test.ts",
  "test/faults/bodyMemory.test.ts",
  "test/faults/connectionReuse.test.ts",
  "test/faults/descriptors.test.ts",
  "test/faults/dialNamespace.test.ts",
  "test/faults/http2/connections.test.ts",
  "test/faults/http2/lifetimes.test.ts",
  "test/faults/http2/process.test.ts",
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
  "test/package/imports.test.ts"
]

/** Tests of several sockets and faults at once. */
const network = ["test/faults/**/*.test.ts", "test/Timeouts.network.test.ts"]

const peers = "test/peers/**"

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-http-session$/, replacement: source("./src/index.ts") },
      { find: /^effect-http-session\/(.*)$/, replacement: source("./src/$1.ts") }
    ]
  },
  esbuild: { target: "es2022" },
  test: {
    pool: "forks",
    // The files of a project share the modules that a worker has loaded: loading them takes longer than most tests.
    isolate: false,
    maxWorkers: "100%",
    testTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["test/**/*.test.ts"], exclude: [peers, ...network, ...slow] }
      },
      {
        extends: true,
        test: { name: "network", include: network, exclude: slow, sequence: { groupOrder: 1 } }
      },
      {
        extends: true,
        test: { name: "slow", include: slow, sequence: { groupOrder: 2 } }
      }
    ]
  }
})
