/** Functions of Runtime of Effect 3 that tests use, on Effect 4. */
import { type Context, Effect } from "effect"

export const runFork =
  (context: Context.Context<never>) => (effect: Effect.Effect<any, any>, options?: { readonly scheduler?: any }) =>
    Effect.runForkWith(context)(effect, options)

export const getFiberRefs = Effect.context<never>()
