/** The package.json of the edition for Effect 4: that of the source, with the fields of `effect4/package.json`. */

/** Scripts of the source that have no meaning in the generated tree. */
const ownScripts = { test: "vitest run --project unit --project network", "test:all": "vitest run" }

export const manifestOf = (source: string, edition: string): string => {
  const { peerDependenciesMeta: _, ...base } = JSON.parse(source) as Record<string, unknown>
  return `${JSON.stringify({ ...base, ...JSON.parse(edition), scripts: ownScripts }, null, 2)}\n`
}
