/** Clients that are Effect programs. */

/** Loads the modules of a program in the process that runs it. */
const everything = async () => {
  const [{ Effect, Layer, Runtime, Scope, Stream }, library, platform, node] = await Promise.all([
    import("effect"),
    import("../../dist/bundle/index.js"),
    import("@effect/platform"),
    import("@effect/platform-node")
  ])
  // Effect's Runtime replaces the one of @effect/platform.
  return { ...platform, ...node, ...library, Effect, Layer, Runtime, Scope, Stream }
}

/**
 * A client. `make` returns a function that makes the effect of one request, by its URL and its worker, and the layer
 * for it. `load` loads the modules of an edition.
 */
export const effect = async (make, load = everything) => {
  const all = await load()
  return { kind: "effect", Effect: all.Effect, Runtime: all.Runtime, ...make(all) }
}

/**
 * A session of this package. `one` makes the effect of one request; `wrap` wraps the effect of all requests. `options`
 * are those of the session.
 */
export const ours = (one, { ca, connector = { limit: 0 }, load, options, wrap } = {}) =>
  effect(
    (all) => ({
      layer: all.Layer.unwrapEffect(
        all.Effect.map(ca === undefined ? all.Effect.succeed(true) : all.Ssl.context({ ca }), (ssl) =>
          all.Session.layer({ ...options, connector: { ...connector, ssl } })
        )
      ),
      use: (run) =>
        all.Effect.flatMap(all.Session.Session, (session) => {
          const body = run((url, worker) => one(all, session, url, worker))
          return wrap === undefined ? body : wrap(all, session, body)
        })
    }),
    load
  )

export const decoder = ({ ClientResponse }, session, url) => ClientResponse.json(session.get(url))
