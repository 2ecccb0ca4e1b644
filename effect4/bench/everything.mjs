/**
 * The modules of the edition for Effect 4 that benchmarks use, under the names that they have for Effect 3. Run
 * `npm run build:effect4` first.
 */
export const everything = async () => {
  const [{ Effect, Layer, Scope, Stream }, library] = await Promise.all([
    import("../build/node_modules/effect/dist/index.js"),
    import("../build/dist/bundle/index.js")
  ])
  return {
    ...library,
    Effect: { ...Effect, runtime: Effect.context, zipRight: Effect.andThen },
    Layer: { ...Layer, unwrapEffect: Layer.unwrap },
    Runtime: { runPromise: Effect.runPromiseWith },
    Scope,
    Stream
  }
}
