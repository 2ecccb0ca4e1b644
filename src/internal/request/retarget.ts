/**
 * Moves a request to another URL, for redirects and middlewares, and drops the parts that another origin must not get.
 */
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

/**
 * Headers that are dropped at a change of origin in addition to secret ones. The challenges were copied by a
 * middleware.
 */
const boundToOrigin: ReadonlySet<string> = new Set(["host", "www-authenticate", "proxy-authenticate"])

/** Removes the client certificate from the options. */
const withoutIdentityOf = ({ ssl }: PreparedRequest, given: RequestOptions): RequestOptions =>
  ssl === undefined ? given : { ...given, ssl: withoutIdentity(ssl) }

/**
 * The request with another target. If the origin changes, drops everything bound to the previous one: credentials,
 * cookies, headers whose values are `Redacted`, Host, the client certificate and the TLS server name. Credentials in
 * the new URL replace those of the request.
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
      fields: withoutFields(
        fields,
        (name) => boundToOrigin.has(name) || isSecretHeader(name) || fields.secret.has(name)
      ),
      cookies: [],
      serverHostname: undefined
    })
  }
  return auth === undefined
    ? self.derive({ ...changes, target })
    : self.derive({ ...changes, target, auth, fields: withoutFields(fields, isAuthorization) })
}

/** Whether a header describes a body, and is dropped with it. */
const isContentField = (name: string): boolean =>
  name.startsWith("content-") || name === "transfer-encoding" || name === "expect" || name === "trailer"

const withoutBody = ({ chunked, compress, data, expect100, json, text, ...rest }: RequestOptions): RequestOptions =>
  ownOptions(rest)

/** Drops `params`, because the URL already contains them. */
const withoutParams = (options: RequestOptions): RequestOptions => {
  if (options.params === undefined) return options
  const { params, ...rest } = options
  return ownOptions(rest)
}

/** The request of the next hop of a redirect. Without `keepBody`, drops the body and the headers that describe it. */
export const redirectTo = (self: PreparedRequest, target: Target, method: string, keepBody: boolean): PreparedRequest =>
  moveTo(self, target, {
    method,
    hop: self.hop + 1,
    given: keepBody ? withoutParams(self.given) : withoutBody(withoutParams(self.given)),
    ...(keepBody ? {} : { body: HttpBody.empty, fields: withoutFields(self.fields, isContentField) })
  })
