/** Prepares request values: ClientRequest and the HttpClientRequest of @effect/platform. */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Option from "effect/Option"
import type { ClientRequest, RequestOptions } from "../../../ClientRequest.js"
import { InvalidRequest } from "../../../Errors.js"
import { isRequest, pairsOf } from "../../effect/bodies.js"
import { areValidHeaders, entriesOf, mergeOptions } from "../../request/mergeOptions.js"
import { adopt, prepare } from "../../request/prepare.js"
import { PreparedRequest } from "../../request/preparedRequest.js"
import { noDefaults } from "../../request/sessionDefaults.js"
import type { Prepare } from "../requestEffect.js"

const isPlatformRequest = (
  value: HttpClientRequest.HttpClientRequest | ClientRequest
): value is HttpClientRequest.HttpClientRequest => isRequest(value)

/** The options equivalent to a request of @effect/platform. */
export const platformOptions = (request: HttpClientRequest.HttpClientRequest): RequestOptions => ({
  headers: Object.entries(request.headers),
  ...(pairsOf(request.urlParams).length === 0 ? {} : { params: pairsOf(request.urlParams) }),
  ...(request.body._tag === "Empty" ? {} : { data: request.body })
})

const urlOf = (request: HttpClientRequest.HttpClientRequest): string =>
  Option.match(request.hash, { onNone: () => request.url, onSome: (hash) => `${request.url}#${hash}` })

/** The options that a prepared request takes from the context (`CurrentRequestOptions`): those it does not set itself. */
const optionsToInherit = (current: RequestOptions, request: PreparedRequest): RequestOptions => {
  const { auth, cookies, data: _, headers, json: __, params: ___, text: ____, ...rest } = current
  const names = new Set(request.headers.map(([name]) => name.toLowerCase()))
  const identified = request.auth !== undefined || request.noAuth || names.has("authorization")
  const isSet = (name: string) => names.has(name) || (identified && name === "authorization")
  return mergeOptions(
    {
      ...rest,
      ...(identified || auth === undefined ? {} : { auth }),
      ...(request.cookies.length > 0 || cookies === undefined ? {} : { cookies }),
      ...(headers === undefined || !areValidHeaders(headers)
        ? { headers }
        : { headers: entriesOf(headers).filter(([name]) => !isSet(name.toLowerCase())) })
    },
    withoutContent(request)
  )
}

/** The options of a request value except its content. Excludes the middlewares of the session that made it. */
const withoutContent = ({ defaults, given }: PreparedRequest): RequestOptions => {
  const { auth: _, cookies: __, data: ___, headers: ____, json: _____, params: ______, text: _______, ...rest } = given
  return defaults === noDefaults ? rest : { ...rest, middlewares: undefined }
}

/** Prepares a request value for a session. `options` win over the value's own, which win over those of the context. */
export const fromRequestValue =
  (value: HttpClientRequest.HttpClientRequest | ClientRequest, options: RequestOptions | undefined): Prepare =>
  (session, fiber) => {
    const current = session.current(fiber.currentContext) ?? {}
    const callOptions = options ?? {}
    if (isPlatformRequest(value)) {
      const merged = mergeOptions(mergeOptions(current, platformOptions(value), value.url), callOptions)
      return prepare(session.defaults, value.method, urlOf(value), merged)
    }
    return value instanceof PreparedRequest
      ? adopt(session.defaults, value, mergeOptions(optionsToInherit(current, value), callOptions))
      : new InvalidRequest({ option: "request", description: "expected a request made by ClientRequest.make" })
  }
