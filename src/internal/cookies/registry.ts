/** Maps CookieJar services to their jars, so that a session can use a jar of this package synchronously. */
import type { CookieJarService } from "../../CookieJar.js"
import type { Jar } from "./jar.js"

const jars = new WeakMap<CookieJarService, Jar>()

export const register = (service: CookieJarService, jar: Jar): void => {
  jars.set(service, jar)
}

/** The jar of a service; `undefined` for a service that the program implements. */
export const jarOf = (service: CookieJarService): Jar | undefined => jars.get(service)
