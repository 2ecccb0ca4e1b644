/**
 * A response that a program makes of a status, headers and a body.
 */
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientResponse, ResponseInit } from "../../ClientResponse.js"
import { getField, isFault, type Pair, toFields } from "../http/headerFields.js"
import { Prepared } from "../request/preparedRequest.js"
import { madeResponse } from "./madeResponse.js"

/** The bytes of a body, and the type that says what they are. */
const bodyOf = ({ body, json }: ResponseInit): readonly [bytes: Uint8Array, type: string | undefined] => {
  if (json !== undefined) {
    if (body !== undefined) throw new TypeError("ClientResponse.make: expected one of body and json, got both")
    const text = JSON.stringify(json)
    if (text === undefined) throw new TypeError("ClientResponse.make: the value of json has no JSON")
    return [Buffer.from(text, "utf8"), "application/json"]
  }
  if (body === undefined) return [new Uint8Array(), undefined]
  return typeof body === "string" ? [Buffer.from(body, "utf8"), "text/plain; charset=utf-8"] : [body, undefined]
}

/** Loaded when it is used: with node:http come the web's globals of Node 24, which an import must not touch. */
const reasonOf = (status: number): string => process.getBuiltinModule("node:http").STATUS_CODES[status] ?? ""

/** Throws where a part is none of a response. */
export const userResponse = (request: ClientRequest, init: ResponseInit): ClientResponse => {
  if (!(request instanceof Prepared)) throw new TypeError("ClientResponse.make: the request was not made here")
  const { headers, reason, status } = init
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError("ClientResponse.make: expected a status from 200 to 599")
  }
  const fields = toFields(headers)
  if (isFault(fields)) throw new TypeError(`ClientResponse.make: ${fields.description}`)
  const [body, type] = bodyOf(init)
  const known = getField(fields.pairs, "content-type") !== undefined
  const pairs: ReadonlyArray<Pair> =
    known || type === undefined ? fields.pairs : [...fields.pairs, ["content-type", type]]
  return madeResponse(request, { status, reason: reason ?? reasonOf(status), headers: pairs, body })
}
