/** A module with forbidden side effects, which proves that `imports.test.ts` notices them. */
import type { ClientRequest } from "node:http"

const { Agent } = process.getBuiltinModule("node:http")
Object.defineProperty(globalThis, Symbol.for("undici.globalDispatcher.1"), { value: {}, configurable: true })
process.on("SIGUSR2", () => {})
setInterval(() => {}, 60_000)
Object.defineProperty(Array.prototype, "last", { value: () => undefined, configurable: true })
Object.defineProperty(Agent.prototype, "addRequest", { value: (request: ClientRequest) => request, configurable: true })
process.env.MEDDLED = "yes"
