/** Implements `ClientResponse.make`: a response from a status, headers and a body. */
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientResponse, ResponseInit } from "../../ClientResponse.js"
import { getField, isFault, type Pair, toFields } from "../http/headerFields.js"
import { statusPhrase } from "../http/statusPhrase.js"
import { PreparedRequest } from "../request/preparedRequest.js"
import { madeResponse } from "./madeResponse.js"

/** The bytes of a body and their default Content-Type. */
const bodyOf = ({ body, json }: ResponseInit): readonly [bytes: Uint8Array, type: string | undefined] => {
  if (json !== undefined) {
    if (body !== undefined) throw new TypeError("ClientResponse.make: expected either body or json, got both")
    const text = JSON.stringify(json)
    if (text === undefined) throw new TypeError("ClientResponse.make: expected a value that can be serialized as JSON")
    return [Buffer.from(text, "utf8"), "application/json"]
  }
  if (body === undefined) return [new Uint8Array(), undefined]
  return typeof body === "string" ? [Buffer.from(body, "utf8"), "text/plain; charset=utf-8"] : [body, undefined]
}

/** Builds the response. Throws if `init` is invalid. */
export const userResponse = (request: ClientRequest, init: ResponseInit): ClientResponse => {
  if (!(request instanceof PreparedRequest))
    throw new TypeError("ClientResponse.make: expected a request of this package")
  const { headers, reason, status } = init
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`ClientResponse.make: expected a status from 200 to 599, got ${String(status)}`)
  }
  const fields = toFields(headers)
  if (isFault(fields)) throw new TypeError(`ClientResponse.make: ${fields.description}`)
  const [body, type] = bodyOf(init)
  const known = getField(fields.pairs, "content-type") !== undefined
  const pairs: ReadonlyArray<Pair> =
    known || type === undefined ? fields.pairs : [...fields.pairs, ["content-type", type]]
  return madeResponse(request, { status, reason: reason ?? statusPhrase(status) ?? "", headers: pairs, body })
}
