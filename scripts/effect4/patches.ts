/**
 * Replaces texts in files that the rules have rewritten, for declarations that differ in Effect 4. Each must occur
 * once.
 */
const patches: Readonly<Record<string, ReadonlyArray<readonly [from: string, to: string]>>> = {
  "src/ClientResponse.ts": [
    ['readonly json: Effect.Effect<unknown, Fails["json"]>', 'readonly json: Effect.Effect<Schema.Json, Fails["json"]>']
  ],
  "examples/23-http-client-layer.ts": [
    ["find({ path: { id: 1 } })", "find({ params: { id: 1 } })"],
    ['catchTag("RequestError", ({ cause, reason }) =>', 'catchTag("HttpClientError", ({ reason: { _tag, cause } }) =>'],
    ["{reason}: ", "{_tag}: "]
  ],
  "examples/40-observe.ts": [["({ metricKey }) => metricKey.name", "({ id }) => id"]],
  "docs/tracing.md": [["metrics.map(({ metricKey }) => metricKey.name)", "metrics.map(({ id }) => id)"]],
  "README.md": [
    ["effect-http-session-0.3.0.tgz effect@3 @effect/platform@0.97", "effect-http-session-0.4.0.tgz effect"]
  ],
  "src/CookieJar.ts": [
    [
      "CookieJarError | PlatformError, KeyValueStore.KeyValueStore>",
      "CookieJarError | KeyValueStore.KeyValueStoreError, KeyValueStore.KeyValueStore>"
    ]
  ]
}

/** Applies the patches of a file. Returns its text, and the patches that do not apply. */
export const patched = (path: string, text: string): readonly [text: string, problems: ReadonlyArray<string>] => {
  let out = text
  const problems: Array<string> = []
  for (const [from, to] of patches[path] ?? []) {
    if (out.split(from).length !== 2) problems.push(`${path}: expected this text once: ${from}`)
    out = out.replace(from, () => to)
  }
  return [out, problems]
}
