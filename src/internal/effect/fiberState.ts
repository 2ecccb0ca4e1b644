/** The services and references of a fiber, which can be read even after the fiber has ended. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"

/** The services and references of a fiber at the time of reading. */
export type FiberState = Fiber.RuntimeFiber<unknown, unknown>

/** The services and references with which an effect runs. */
export type Environment<R> = Runtime.Runtime<R>

/** The state of a running fiber. Read it while the fiber runs, because an ended fiber may have lost it. */
export const stateOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): FiberState => fiber

/** The services of a fiber. */
export const servicesOf = (state: FiberState): Context.Context<never> => state.currentContext

/** The Clock of a fiber. */
export const clockOf = (state: FiberState): Clock.Clock => Context.get(state.currentDefaultServices, Clock.Clock)

/** The environment of a fiber. */
export const environmentOf = (state: FiberState): Environment<never> => withServices(state, state.currentContext)

/** The references of a fiber together with other services. */
export const withServices = <R>(state: FiberState, context: Context.Context<R>): Environment<R> =>
  Runtime.make({ context, runtimeFlags: Runtime.defaultRuntimeFlags, fiberRefs: state.getFiberRefs() })

/** The services of the current fiber without its references, because fibers that use them later have their own. */
export const currentServices = <R>(): Effect.Effect<Context.Context<R>, never, R> => Effect.context<R>()

/** The environment of the current fiber. */
export const currentEnvironment: Effect.Effect<Environment<never>> = Effect.runtime<never>()

/** The environment of a program that provides nothing. */
export const defaultEnvironment: Environment<never> = Runtime.defaultRuntime

const sample = Clock.make()

/** Whether a Clock is the default one, which reads the time of the system. */
export const isDefaultClock = (clock: Clock.Clock): boolean =>
  // All default Clocks share one class; custom Clocks and TestClock do not.
  Object.getPrototypeOf(clock) === Object.getPrototypeOf(sample)
