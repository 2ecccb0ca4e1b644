import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: source("../.."),
  resolve: {
    alias: [
      { find: /^effect-http-session$/, replacement: source("../../src/index.ts") },
      { find: /^effect-http-session\/(.*)$/, replacement: source("../../src/$1.ts") }
    ]
  },
  esbuild: { target: "es2022" },
  test: {
    include: ["test/peers/*.peer.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000
  }
})
