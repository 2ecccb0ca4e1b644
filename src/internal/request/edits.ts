/** The changes that a middleware can make to a request. Each function returns a new request. */
import type { Data, HeaderValue, UrlInput } from "../../ClientRequest.js"
import { InvalidRequest, InvalidURL, RequestBodyError } from "../../Errors.js"
import { isFault, mergeFields, toFields, withoutFields } from "../http/headerFields.js"
import { parseTarget, shown } from "../http/target.js"
import { ownOptions } from "../ownOptions.js"
import { toBody } from "./body/toHttpBody.js"
import type { PreparedRequest } from "./preparedRequest.js"
import { moveTo } from "./retarget.js"

const withHeader = (self: PreparedRequest, name: string, value: HeaderValue, replace: boolean): PreparedRequest => {
  const added = toFields([[name, value]])
  if (isFault(added)) {
    const fault = new InvalidRequest({ ...self.details, option: added.option, description: added.description })
    return self.derive({ fault: self.fault ?? fault })
  }
  const secret = added.secret.size === 0 ? self.fields.secret : new Set([...self.fields.secret, ...added.secret])
  const fields = replace ? mergeFields(self.fields, added) : { pairs: [...self.fields.pairs, ...added.pairs], secret }
  return self.derive({ fields })
}

export const setHeader = (self: PreparedRequest, name: string, value: HeaderValue): PreparedRequest =>
  withHeader(self, name, value, true)

export const appendHeader = (self: PreparedRequest, name: string, value: HeaderValue): PreparedRequest =>
  withHeader(self, name, value, false)

export const removeHeader = (self: PreparedRequest, name: string): PreparedRequest => {
  const lower = name.toLowerCase()
  return self.derive({ fields: withoutFields(self.fields, (other) => other === lower) })
}

/** The same request without `Expect: 100-continue`. */
export const withoutExpectation = (self: PreparedRequest): PreparedRequest => {
  const { expect100, ...rest } = self.given
  return removeHeader(self, "Expect").derive({ given: ownOptions(rest) })
}

export const setUrl = (self: PreparedRequest, url: UrlInput): PreparedRequest => {
  const target = parseTarget(url, self.given.encoded === true, self.target)
  if (target instanceof InvalidURL) return self.derive({ fault: self.fault ?? target })
  if (self.target.websocket) return moveTo(self, target.asWebSocket, {})
  if (!target.websocket) return moveTo(self, target, {})
  const description = "expected the scheme http or https"
  return self.derive({
    fault: self.fault ?? new InvalidURL({ url: shown(String(url)), reason: "Scheme", description })
  })
}

/** Headers that describe one particular body. */
const isBodyField = (name: string): boolean =>
  name === "content-type" || name === "content-length" || name === "content-encoding"

export const setBody = (self: PreparedRequest, data: Data): PreparedRequest => {
  const body = toBody(data)
  const fields = withoutFields(self.fields, isBodyField)
  return body instanceof InvalidRequest || body instanceof RequestBodyError
    ? self.derive({ fields, fault: self.fault ?? body })
    : self.derive({ fields, body })
}
