/** Tests that are not part of the edition for Effect 4, with the reason. */
export const leftOut: ReadonlyArray<readonly [pattern: RegExp, reason: string]> = [
  [/^test\/peers\//, "programs of other projects, which the edition for Effect 3 tests"],
  [
    /^test\/package\/[^/]*$/,
    "the documents and the package of the source; the edition's package is installed by .ci/run"
  ]
]

export const isLeftOut = (path: string): boolean => leftOut.some(([pattern]) => pattern.test(path))
