/**
 * Which services are jars of this library, so that a session can use them without an Effect in between.
 */
import type { CookieJarService } from "../../CookieJar.js"
import type { Jar } from "./jar.js"

const jars = new WeakMap<CookieJarService, Jar>()

export const register = (service: CookieJarService, jar: Jar): void => {
  jars.set(service, jar)
}

/** The jar behind a service; `undefined` for a service of somebody's own, which has its Effects alone. */
export const jarOf = (service: CookieJarService): Jar | undefined => jars.get(service)
