import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { network, slow } from "./test/projects.js"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

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
    setupFiles: [source("./test/support/equality.ts")],
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
