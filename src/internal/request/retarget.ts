/** Moves a request to another URL, for redirects and middlewares, and drops the parts that must not follow it. */
import * as HttpBody from "@effect/platform/HttpBody"
import type { RequestOptions } from "../../ClientRequest.js"
import { isAuthorization, withoutFields } from "../http/headerFields.js"
import { sameOrigin } from "../http/origin.js"
import type { Target } from "../http/target.js"
import { withoutIdentity } from "../network/tls/tlsSettings.js"
import { ownOptions } from "../ownOptions.js"
import { isSecretHeader } from "../redact.js"
import type { PreparedRequest, State } from "./preparedRequest.js"
import { fromUserinfo } from "./sessionDefaults.js"

/** Headers bound to an origin in addition to secret ones: Host, and challenges that a middleware copied. */
const bound: ReadonlySet<string> = new Set(["host", "www-authenticate", "proxy-authenticate"])

/** Removes the client certificate, which another origin must not get. */
const withoutIdentityOf = ({ ssl }: PreparedRequest, given: RequestOptions): RequestOptions =>
  ssl === undefined ? given : { ...given, ssl: withoutIdentity(ssl) }

/**
 * Sends the request to another target. If the origin changes, drops everything bound to the old one: credentials,
 * cookies, headers given as `Redacted`, Host, the client certificate and the TLS server name. Credentials in the new
 * URL replace the request's.
 */
export const moveTo = (self: PreparedRequest, target: Target, changes: Partial<State>): PreparedRequest => {
  const auth = target.userinfo === undefined || self.noAuth ? undefined : fromUserinfo(target.userinfo)
  const fields = changes.fields ?? self.fields
  if (!sameOrigin(self.target.origin, target.origin)) {
    return self.derive({
      ...changes,
      target,
      auth,
      given: withoutIdentityOf(self, changes.given ?? self.given),
      fields: withoutFields(fields, (name) => bound.has(name) || isSecretHeader(name) || fields.secret.has(name)),
      cookies: [],
      serverHostname: undefined
    })
  }
  return auth === undefined
    ? self.derive({ ...changes, target })
    : self.derive({ ...changes, target, auth, fields: withoutFields(fields, isAuthorization) })
}

/** Headers that describe a body and are dropped with it. */
const isContentField = (name: string): boolean =>
  name.startsWith("content-") || name === "transfer-encoding" || name === "expect" || name === "trailer"

const withoutBody = ({ chunked, compress, data, expect100, json, text, ...rest }: RequestOptions): RequestOptions =>
  ownOptions(rest)

/** Drops `params`, which are already part of the first URL. */
const withoutParams = (options: RequestOptions): RequestOptions => {
  if (options.params === undefined) return options
  const { params, ...rest } = options
  return ownOptions(rest)
}

/** The request for the next hop of a redirect. If the body is dropped, so are the headers that describe it. */
export const redirectTo = (self: PreparedRequest, target: Target, method: string, keepBody: boolean): PreparedRequest =>
  moveTo(self, target, {
    method,
    hop: self.hop + 1,
    given: keepBody ? withoutParams(self.given) : withoutBody(withoutParams(self.given)),
    ...(keepBody ? {} : { body: HttpBody.empty, fields: withoutFields(self.fields, isContentField) })
  })
