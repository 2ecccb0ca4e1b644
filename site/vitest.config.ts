import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Tests in headless Chromium: `npm run test:browser` builds what they look at. */
export default defineConfig({
  root: source(".."),
  resolve: {
    alias: [
      { find: /^effect-http-session$/, replacement: source("../src/index.ts") },
      { find: /^effect-http-session\/(.*)$/, replacement: source("../src/$1.ts") }
    ]
  },
  esbuild: { target: "es2022" },
  test: {
    include: ["site/browser/*.browser.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
