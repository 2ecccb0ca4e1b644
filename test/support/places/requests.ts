/**
 * Requests, their bodies and their responses.
 */
import { Effect, Redacted } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Multipart from "effect-http-session/Multipart"
import * as Session from "effect-http-session/Session"
import * as Sse from "effect-http-session/Sse"
import * as planted from "../planted.js"
import { inUse, options } from "./fixtures.js"

export const effects = Effect.gen(function* () {
  const { session } = yield* inUse
  const url = planted.signed("https://a.test/")
  const given = { ...options, auth: undefined, json: planted.form }
  const value = yield* ClientRequest.make("GET", url, given)
  return {
    "a request that has not begun": Session.post(url, given),
    "a request of a session that has not begun": session.post(url, given),
    "a request that is a value": session.execute(value),
    "a request with a decoder": Session.get(url, given).pipe(ClientResponse.json),
    "a request with options around it": Session.get(url).pipe(Session.withRequestOptions(options)),
    "a WebSocket that has not begun": session.webSocket(url.replace("https", "wss"), { headers: planted.headers }),
    "a stream of pages": Session.paginate(url, (page) => page.text, given),
    "a stream of events": Sse.connect(url, given)
  }
})

export const requests = Effect.gen(function* () {
  const request = yield* ClientRequest.make("POST", planted.signed("https://a.test/"), {
    headers: planted.headers,
    cookies: planted.cookies,
    data: planted.form,
    proxy: planted.proxyUrl("http://proxy.test:3128"),
    proxyHeaders: planted.proxyHeaders
  })
  const json = yield* ClientRequest.make("POST", "https://a.test/", { auth: planted.bearer, json: planted.form })
  const part = Multipart.part("password", planted.secret("part"), {
    headers: { "X-Part": Redacted.make(planted.secret("part-header")) }
  })
  return {
    "a request": request,
    "a request with another header": ClientRequest.setHeader(request, "Authorization", planted.secret("authorization")),
    "a command line": ClientRequest.toCurl(request),
    "a command line with JSON": ClientRequest.toCurl(json),
    "a part": part,
    "a multipart body": Multipart.make([part])
  }
})

export const responses = Effect.gen(function* () {
  const { opened } = yield* inUse
  const { opened: read } = yield* inUse
  yield* read.json
  return {
    "a response": opened,
    "a response that was read": read,
    "a response's timings": opened.timings,
    "a response's connection": opened.connection
  }
})

/** Data that a program reads: its JSON equals its content, and other renderings hide secrets. */
export const data = Effect.gen(function* () {
  const { opened } = yield* inUse
  const jar = yield* CookieJar.make()
  yield* jar.updateCookies(planted.cookies, "https://a.test/")
  const cookies = yield* jar.filterCookies("https://a.test/")
  const given = { ...options, auth: undefined, proxy: planted.proxyUrl("http://proxy.test"), params: planted.query }
  const request = yield* ClientRequest.make("POST", planted.signed("https://a.test/"), { ...given, data: planted.form })
  const json = yield* ClientRequest.make("POST", "https://a.test/", { auth: planted.bearer, json: planted.form })
  return {
    "the options of a context": yield* Session.withRequestOptions(Session.CurrentRequestOptions, {
      ...given,
      proxyHeaders: planted.proxyHeaders
    }),
    "the options of a request": request.options,
    "the headers of a request": request.headers,
    "the options of a request with JSON": json.options,
    "a response's request": opened.requestInfo,
    "the headers of a response's request": opened.requestInfo.headers,
    "a response's headers": opened.headers,
    "a response's links": opened.links,
    "a response's cookies": opened.cookies,
    "a cookie of a response": opened.cookies.cookies.sid,
    "the cookies of a jar": cookies,
    "a cookie of a jar": cookies[0]
  }
})
