import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-http-session$/, replacement: source("./src/index.ts") },
      { find: /^effect-http-session\/(.*)$/, replacement: source("./src/$1.ts") }
    ]
  },
  esbuild: { target: "es2022" },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/peers/**", "node_modules/**"],
    pool: "forks",
    testTimeout: 20_000
  }
})
