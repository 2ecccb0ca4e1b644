/** The services and references of a fiber, which can be read even after the fiber has ended. */
import * as Clock from "effect/Clock"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as IncomingMessage from "effect/http/HttpIncomingMessage"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as Scheduler from "effect/Scheduler"
import * as Tracer from "effect/Tracer"

/** The services and references of a fiber at the time of reading. */
export type FiberState = Context.Context<never>

/** The services and references with which an effect runs. */
export type Environment<R> = Context.Context<R>

/** The state of a running fiber. Read it while the fiber runs, because the context of an ended fiber is empty. */
export const stateOf = (fiber: Fiber.Fiber<unknown, unknown>): FiberState => fiber.context

/** The services of a fiber. */
export const servicesOf = (state: FiberState): Context.Context<never> => state

/** The Clock of a fiber. */
export const clockOf = (state: FiberState): Clock.Clock => Context.get(state, Clock.Clock)

/** The environment of a fiber. */
export const environmentOf = (state: FiberState): Environment<never> => state

/** The references of a fiber together with other services. */
export const withServices = <R>(state: FiberState, context: Context.Context<R>): Environment<R> =>
  Context.merge(state, context)

/** Removes the references of Effect that are not services in Effect 3. */
const withoutReferences = Context.omit(
  Clock.Clock,
  ConfigProvider.ConfigProvider,
  Console.Console,
  Headers.CurrentRedactedNames,
  HttpClient.SpanNameGenerator,
  HttpClient.TracerDisabledWhen,
  HttpClient.TracerPropagationEnabled,
  IncomingMessage.MaxBodySize,
  Random.Random,
  References.CurrentLogAnnotations,
  References.CurrentLogLevel,
  References.CurrentLogSpans,
  References.CurrentLoggers,
  References.MinimumLogLevel,
  References.TracerEnabled,
  References.TracerSpanAnnotations,
  References.TracerSpanLinks,
  References.TracerTimingEnabled,
  References.UnhandledLogLevel,
  Scheduler.Scheduler,
  Tracer.Tracer
)

/** The services of the current fiber without its references, because fibers that use them later have their own. */
export const currentServices = <R>(): Effect.Effect<Context.Context<R>, never, R> =>
  Effect.map(Effect.context<R>(), (context): Context.Context<R> => withoutReferences(context))

/** The environment of the current fiber. */
export const currentEnvironment: Effect.Effect<Environment<never>> = Effect.context<never>()

/** The environment of a program that provides nothing. */
export const defaultEnvironment: Environment<never> = Context.empty()

const sample = Context.get(defaultEnvironment, Clock.Clock)

/** Whether a Clock is the default one, which reads the time of the system. */
export const isDefaultClock = (clock: Clock.Clock): boolean =>
  // All default Clocks share one class; custom Clocks and TestClock do not.
  Object.getPrototypeOf(clock) === Object.getPrototypeOf(sample)
