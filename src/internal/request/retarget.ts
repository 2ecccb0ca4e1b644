/**
 * The same request to another target, and what stays behind.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import type { RequestOptions } from "../../ClientRequest.js"
import { isAuthorization, withoutFields } from "../http/headerFields.js"
import { sameOrigin } from "../http/origin.js"
import type { Target } from "../http/target.js"
import { withoutIdentity } from "../network/tls/tlsSettings.js"
import { own } from "../ownOptions.js"
import { isSecretHeader } from "../redact.js"
import type { Prepared, State } from "./preparedRequest.js"
import { fromUserinfo } from "./sessionDefaults.js"

/** Headers that are bound to an origin beside those that hold secrets: the challenges are an answer to somebody. */
const bound: ReadonlySet<string> = new Set(["host", "www-authenticate", "proxy-authenticate"])

/** Another origin gets no client certificate either. */
const withoutIdentityOf = ({ ssl }: Prepared, given: RequestOptions): RequestOptions =>
  ssl === undefined ? given : { ...given, ssl: withoutIdentity(ssl) }

/**
 * Elsewhere than at its origin nothing goes along that is bound to it: credentials, cookies, headers given redacted,
 * Host, the client certificate and the name for TLS. Credentials in the new URL are the request's from then on.
 */
export const moveTo = (self: Prepared, target: Target, changes: Partial<State>): Prepared => {
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

/** The headers about a body, which go with it. */
const isContentField = (name: string): boolean =>
  name.startsWith("content-") || name === "transfer-encoding" || name === "expect" || name === "trailer"

const withoutBody = ({ chunked, compress, data, expect100, json, text, ...rest }: RequestOptions): RequestOptions =>
  own(rest)

/** They were for the first URL. */
const withoutParams = (options: RequestOptions): RequestOptions => {
  if (options.params === undefined) return options
  const { params, ...rest } = options
  return own(rest)
}

/** The next hop of a redirect. Without its body a request loses the headers about it too. */
export const redirectTo = (self: Prepared, target: Target, method: string, keepBody: boolean): Prepared =>
  moveTo(self, target, {
    method,
    hop: self.hop + 1,
    given: keepBody ? withoutParams(self.given) : withoutBody(withoutParams(self.given)),
    ...(keepBody ? {} : { body: HttpBody.empty, fields: withoutFields(self.fields, isContentField) })
  })
