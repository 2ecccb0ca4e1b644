/** The tests that the edition for Effect 4 does not contain, with reasons. */
export const leftOut: ReadonlyArray<readonly [pattern: RegExp, reason: string]> = [
  [/^test\/peers\//, "programs of other projects, which the edition for Effect 3 tests"],
  [
    /^test\/package\/[^/]*$/,
    "the documents and the package of the source; the edition's package is installed by .ci/run"
  ]
]

export const isLeftOut = (path: string): boolean => leftOut.some(([pattern]) => pattern.test(path))

/** The tests that are skipped on Effect 4, with reasons. At most twenty. */
export const skipped: ReadonlyArray<readonly [path: string, title: string, reason: string]> = [
  [
    "test/internal/raceWithCallback.test.ts",
    "applies the FiberRefs of the effect",
    "references of Effect 4 belong to the context, which a fiber does not pass back"
  ]
]

export const isSkipped = (path: string, title: string): boolean =>
  skipped.some((each) => each[0] === path && each[1] === title)
