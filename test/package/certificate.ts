/** A certificate without a trusted authority, for the consumer's program: `certificate.ts <directory>`. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { selfSigned } from "../support/certificates.js"

const directory = process.argv[2] ?? "."
const { cert, key } = await Effect.runPromise(selfSigned())
writeFileSync(join(directory, "cert.pem"), cert)
writeFileSync(join(directory, "key.pem"), key, { mode: 0o600 })
