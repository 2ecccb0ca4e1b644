/**
 * Digest authentication (RFC 7616) around each hop.
 */
import { createHash, randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Basic } from "../../Auth.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, InvalidRequest } from "../../Errors.js"
import type { Middleware, Next } from "../../Middleware.js"
import { setHeader } from "../session/changes.js"
import { revealBasic } from "../session/credentials.js"
import { callOf } from "../session/nexts.js"
import type { Prepared } from "../session/prepared.js"
import { isReplayable } from "../session/replay.js"
import { routeOf } from "../session/route.js"
import { answer, bodyHashOf, secretOf, type User } from "./digestAnswer.js"
import { type DigestChallenge, type Hash, strongest } from "./digestChallenge.js"
import { type Place, placesOf, within } from "./digestSpace.js"
import { hasCredentials, preparedOf, tellRetry } from "./request.js"

interface Names {
  readonly status: 401 | 407
  readonly challenge: string
  readonly answer: string
  readonly info: string
}

const originNames: Names = {
  status: 401,
  challenge: "www-authenticate",
  answer: "Authorization",
  info: "authentication-info"
}

const proxyNames: Names = {
  status: 407,
  challenge: "proxy-authenticate",
  answer: "Proxy-Authorization",
  info: "proxy-authentication-info"
}

const newCnonce = (): string => randomBytes(16).toString("hex")

/** What is known of one origin, or of the proxy: its challenge, and how often its nonce was used. */
class Session {
  readonly challenge: DigestChallenge
  private nonce: string
  private count = 0
  private readonly cnonce: string | undefined
  private readonly secret: string
  private readonly user: User

  constructor(challenge: DigestChallenge, user: User) {
    this.challenge = challenge
    this.user = user
    this.nonce = challenge.nonce
    // "-sess" makes the secret of the first nonces, which are the session's from then on.
    this.cnonce = challenge.session ? newCnonce() : undefined
    this.secret = secretOf(challenge, user, this.cnonce ?? "")
  }

  /** The next nonce, if it was told one. */
  renew(nonce: string): void {
    if (nonce === this.nonce) return
    this.nonce = nonce
    this.count = 0
  }

  knows(challenge: DigestChallenge): boolean {
    return challenge.realm === this.challenge.realm && challenge.nonce === this.nonce
  }

  authorization(request: Prepared, qop: Chosen): string {
    this.count++
    return answer(this.challenge, {
      user: this.user,
      method: request.method,
      uri: request.target.target,
      qop: qop.qop,
      bodyHash: qop.bodyHash,
      count: this.count,
      cnonce: this.cnonce ?? newCnonce(),
      nonce: this.nonce,
      secret: this.secret
    })
  }
}

interface Chosen {
  readonly qop: "auth" | "auth-int" | undefined
  readonly bodyHash: string
}

const auth: Chosen = { qop: "auth", bodyHash: "" }
const rfc2069: Chosen = { qop: undefined, bodyHash: "" }

/** The hash of the body as it will be sent, or `undefined` where that cannot be known before. */
const hashBody = (hash: Hash, request: Prepared): Effect.Effect<string | undefined> => {
  const { body, given } = request
  if (body._tag === "Empty") return Effect.succeed(bodyHashOf(hash, new Uint8Array()))
  if (given.compress !== undefined && given.compress !== false) return Effect.succeed(undefined)
  if (body._tag === "Uint8Array") return Effect.succeed(bodyHashOf(hash, body.body))
  if (body._tag !== "Stream" || !isReplayable(body)) return Effect.succeed(undefined)
  const { stream } = body
  return Effect.suspend(() => {
    const sum = createHash(hash)
    return Effect.matchEffect(
      Stream.runForEach(stream, (chunk) => Effect.sync(() => void sum.update(chunk))),
      { onFailure: () => Effect.succeed(undefined), onSuccess: () => Effect.sync(() => sum.digest("hex")) }
    )
  })
}

/** auth-int where the body is at hand or nothing else is offered. */
const choose = (challenge: DigestChallenge, request: Prepared): Effect.Effect<Chosen | undefined> => {
  const { hash, qop } = challenge
  if (qop.size === 0) return Effect.succeed(rfc2069)
  if (!qop.has("auth-int")) return Effect.succeed(auth)
  const { _tag } = request.body
  if (qop.has("auth") && _tag !== "Empty" && _tag !== "Uint8Array") return Effect.succeed(auth)
  return Effect.map(hashBody(hash, request), (bodyHash) =>
    bodyHash !== undefined ? { qop: "auth-int", bodyHash } : qop.has("auth") ? auth : undefined
  )
}

const nextNonce = /(?:^|[,\s])nextnonce\s*=\s*"((?:[^"\\]|\\.)*)"/i

/** At most so many answers to one request: the first, and one more for a nonce that was stale. */
const maxAnswers = 2

class Digest {
  private readonly credentials: Basic
  private readonly names: Names
  private readonly preemptive: boolean
  private readonly sessions = new Map<string, Session>()
  private anchor: string | undefined = undefined
  private places: ReadonlyArray<Place> = []

  constructor(credentials: Basic, preemptive: boolean, proxy: boolean) {
    this.credentials = credentials
    this.names = proxy ? proxyNames : originNames
    this.preemptive = preemptive
  }

  run(request: Prepared, next: Next): Effect.Effect<ClientResponse, ClientError> {
    const whose = this.whose(request, next)
    if (whose === undefined) return next(request)
    const session = this.preemptive && this.covers(request) ? this.sessions.get(whose) : undefined
    if (session === undefined) return this.send(request, next, undefined, 0, request, whose)
    return Effect.flatMap(choose(session.challenge, request), (qop) =>
      qop === undefined
        ? this.send(request, next, undefined, 0, request, whose)
        : this.send(request, next, session, 0, this.authorize(request, session, qop), whose)
    )
  }

  /** The key of whoever may be answered, or `undefined`. */
  private whose(request: Prepared, next: Next): string | undefined {
    if (this.names === proxyNames) return proxyOf(request, next)
    if (hasCredentials(request)) return undefined
    const { key } = request.target.origin
    this.anchor ??= key
    return key === this.anchor || within(this.places, request) ? key : undefined
  }

  private covers(request: Prepared): boolean {
    return this.names === proxyNames || within(this.places, request)
  }

  private authorize(request: Prepared, session: Session, qop: Chosen): Prepared {
    return setHeader(request, this.names.answer, Redacted.make(session.authorization(request, qop)))
  }

  private send(
    request: Prepared,
    next: Next,
    used: Session | undefined,
    answers: number,
    sent: Prepared,
    whose: string
  ): Effect.Effect<ClientResponse, ClientError> {
    return Effect.flatMap(next(sent), (response) => {
      if (response.status !== this.names.status) {
        if (used !== undefined) this.learn(used, response)
        return Effect.succeed(response)
      }
      const challenge = strongest(response.headerValues(this.names.challenge))
      if (challenge === undefined || !this.answerable(request, challenge, used, answers)) {
        // Refused credentials are not sent ahead again.
        if (used !== undefined && this.sessions.get(whose) === used) this.sessions.delete(whose)
        return Effect.succeed(response)
      }
      return Effect.flatMap(choose(challenge, request), (qop) =>
        qop === undefined
          ? Effect.succeed(response)
          : this.answerTo(request, next, response, challenge, answers, qop, whose)
      )
    })
  }

  /** Gives the refused response back, whose connection the answer may need, and sends again. */
  private answerTo(
    request: Prepared,
    next: Next,
    response: ClientResponse,
    challenge: DigestChallenge,
    answers: number,
    qop: Chosen,
    whose: string
  ): Effect.Effect<ClientResponse, ClientError> {
    const session = this.begin(request, challenge, whose)
    if (session instanceof InvalidRequest) return Effect.fail(session)
    return response.release.pipe(
      Effect.zipRight(tellRetry(next, request, { reason: "Digest", delay: 0 })),
      Effect.zipRight(
        Effect.suspend(() =>
          this.send(request, next, session, answers + 1, this.authorize(request, session, qop), whose)
        )
      )
    )
  }

  /** Whether an answer could do better than what was sent. */
  private answerable(
    request: Prepared,
    challenge: DigestChallenge,
    used: Session | undefined,
    answers: number
  ): boolean {
    if (answers >= maxAnswers || !isReplayable(request.body)) return false
    if (used === undefined || challenge.stale) return true
    // What was sent ahead may have been out of date; what answered this server's own challenge is refused.
    return answers === 0 && !used.knows(challenge)
  }

  private begin(request: Prepared, challenge: DigestChallenge, whose: string): Session | InvalidRequest {
    const known = this.sessions.get(whose)
    // Somebody else has been told the same nonce meanwhile: its count goes on.
    if (known?.knows(challenge) === true && !challenge.session) return known
    const revealed = revealBasic(this.credentials)
    const wrong = Either.isLeft(revealed)
      ? revealed.left
      : revealed.right.user.includes(":")
        ? "the name holds a colon"
        : undefined
    if (Either.isLeft(revealed) || wrong !== undefined) {
      return new InvalidRequest({ ...request.details, option: "auth", description: wrong ?? "" })
    }
    const { password, user } = revealed.right
    const session = new Session(challenge, { name: user, password, encoding: this.credentials.encoding })
    this.sessions.set(whose, session)
    if (whose === this.anchor) this.places = placesOf(request, challenge.domain)
    return session
  }

  private learn(session: Session, response: ClientResponse): void {
    for (const field of response.headerValues(this.names.info)) {
      const nonce = nextNonce.exec(field)?.[1]
      if (nonce !== undefined && nonce !== "") session.renew(nonce.replace(/\\(.)/g, "$1"))
    }
  }
}

/** The proxy that sees the request itself; a 407 of anybody else is not answered. */
const proxyOf = (request: Prepared, next: Next): string | undefined => {
  const call = callOf(next)
  if (call === undefined || request.target.origin.scheme !== "http" || request.target.websocket) return undefined
  const route = routeOf(request, call.core.environment)
  if ("_tag" in route || route.proxy === undefined || route.proxy.authorization !== undefined) return undefined
  return route.proxy.kind === "http" || route.proxy.kind === "https" ? route.proxy.url : undefined
}

export const digest = (
  credentials: Basic,
  options: { readonly preemptive?: boolean | undefined; readonly proxy?: boolean | undefined }
): Effect.Effect<Middleware> =>
  Effect.sync(() => {
    const state = new Digest(credentials, options.preemptive ?? true, options.proxy ?? false)
    return (request, next) => state.run(preparedOf(request), next)
  })
