import { Console, Effect } from "effect"
import { ClientResponse, Errors, Proxy, Session } from "effect-http-session"

/** HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY decide for each request, redirects included. */
export const FromEnvironment = Session.layer({ trustEnv: true })

/** A fixed proxy for all hosts outside the internal network, regardless of the environment. */
export const routed = (proxy: string) =>
  Session.layer({ proxy: Proxy.route(({ hostname }) => (hostname.endsWith(".internal") ? undefined : proxy)) })

/** Says whether the proxy or the server behind it failed. */
export const fetchPage = (url: string) =>
  Session.get(url, { timeout: "10 seconds" }).pipe(
    ClientResponse.text,
    Effect.catchIf(Errors.isProxyError, (error) => Effect.as(Console.error(`proxy: ${error.message}`), ""))
  )
