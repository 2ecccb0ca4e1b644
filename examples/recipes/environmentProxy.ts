import { Console, Effect } from "effect"
import { ClientResponse, Errors, Proxy, Session } from "effect-http-session"

/** Chooses the proxy of each request and redirect by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. */
export const FromEnvironment = Session.layer({ trustEnv: true })

/** Uses a fixed proxy for all hosts outside the internal network, regardless of the environment. */
export const routed = (proxy: string) =>
  Session.layer({ proxy: Proxy.route(({ hostname }) => (hostname.endsWith(".internal") ? undefined : proxy)) })

/** Describes whether the proxy or the server behind it failed. */
export const fetchPage = (url: string) =>
  Session.get(url, { timeout: "10 seconds" }).pipe(
    ClientResponse.text,
    Effect.catchIf(Errors.isProxyError, (error) => Effect.as(Console.error(`proxy: ${error.message}`), ""))
  )
