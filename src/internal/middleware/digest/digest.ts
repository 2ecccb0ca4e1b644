/**
 * Digest authentication (RFC 7616) around each hop. Answers a 401 of an origin, a 407 of a proxy, and the error of a
 * CONNECT that a proxy refused with 407.
 */

import { createHash, randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Basic } from "../../../Auth.js"
import type { ClientResponse } from "../../../ClientResponse.js"
import { type ClientError, type ClientHttpProxyError, InvalidRequest } from "../../../Errors.js"
import type { Middleware, Next } from "../../../Middleware.js"
import { showAs } from "../../inspection.js"
import { revealBasic } from "../../request/authorization.js"
import { isReplayable } from "../../request/body/replayable.js"
import { setHeader } from "../../request/edits.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { addsCredentials } from "../credentialed.js"
import { emitRetry, hasCredentials, preparedOf } from "../request.js"
import { answer, bodyHashOf, secretOf, type User } from "./digestAnswer.js"
import { type DigestChallenge, type Hash, nextNonceOf, strongest } from "./digestChallenge.js"
import { type ProxyLeg, proxyLeg, withAnswer } from "./digestProxy.js"
import { isWithin, type Place, placesOf } from "./protectionSpace.js"

interface Names {
  readonly status: 401 | 407
  readonly challenge: string
  readonly info: string
}

const originNames: Names = { status: 401, challenge: "www-authenticate", info: "authentication-info" }

const proxyNames: Names = { status: 407, challenge: "proxy-authenticate", info: "proxy-authentication-info" }

/** The server whose challenges are answered, and the parts of the request that the hashes cover. */
interface Challenger {
  readonly key: string
  readonly method: string
  readonly uri: string
  /** `undefined` for an origin. */
  readonly leg: ProxyLeg | undefined
}

const newCnonce = (): string => randomBytes(16).toString("hex")

/** The state for one origin or proxy: its challenge, and how often its nonce was used. */
class DigestSession {
  static {
    showAs(DigestSession, "Digest/Session", ({ challenge }) => ({ realm: challenge.realm }))
  }

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
    // "-sess" algorithms derive the secret once per session, from its first nonces.
    this.cnonce = challenge.session ? newCnonce() : undefined
    this.secret = secretOf(challenge, user, this.cnonce ?? "")
  }

  /** Continues with a nonce of the server, whose uses are counted from 0. */
  renew(nonce: string): void {
    if (nonce === this.nonce) return
    this.nonce = nonce
    this.count = 0
  }

  knows(challenge: DigestChallenge): boolean {
    return challenge.realm === this.challenge.realm && challenge.nonce === this.nonce
  }

  authorization({ method, uri }: Challenger, qop: QopChoice): string {
    this.count++
    return answer(this.challenge, {
      user: this.user,
      method,
      uri,
      qop: qop.qop,
      bodyHash: qop.bodyHash,
      count: this.count,
      cnonce: this.cnonce ?? newCnonce(),
      nonce: this.nonce,
      secret: this.secret
    })
  }
}

interface QopChoice {
  readonly qop: "auth" | "auth-int" | undefined
  readonly bodyHash: string
}

const auth: QopChoice = { qop: "auth", bodyHash: "" }
const rfc2069: QopChoice = { qop: undefined, bodyHash: "" }

/** The hash of the body as it will be sent, or `undefined` if it cannot be computed in advance. */
const hashBody = (hash: Hash, request: PreparedRequest): Effect.Effect<string | undefined> => {
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

/** Chooses auth-int if the body is in memory or the challenge offers only that. A CONNECT has no body. */
const chooseQop = (
  challenge: DigestChallenge,
  request: PreparedRequest,
  challenger: Challenger
): Effect.Effect<QopChoice | undefined> => {
  const { hash, qop } = challenge
  if (qop.size === 0) return Effect.succeed(rfc2069)
  if (!qop.has("auth-int")) return Effect.succeed(auth)
  if (challenger.leg?.tunnel === true) {
    return Effect.succeed(qop.has("auth") ? auth : { qop: "auth-int", bodyHash: bodyHashOf(hash, new Uint8Array()) })
  }
  const { _tag } = request.body
  if (qop.has("auth") && _tag !== "Empty" && _tag !== "Uint8Array") return Effect.succeed(auth)
  return Effect.map(hashBody(hash, request), (bodyHash) =>
    bodyHash !== undefined ? { qop: "auth-int", bodyHash } : qop.has("auth") ? auth : undefined
  )
}

/** Most answers for one request: one, and another one if its nonce was stale. */
const maxAnswers = 2

/** A response that refuses the request, or the error of a refused CONNECT. */
interface Refusal {
  readonly challenges: ReadonlyArray<string>
  /** The outcome of the request if the challenge is not answered. */
  readonly outcome: Effect.Effect<ClientResponse, ClientError>
  readonly response?: ClientResponse
  readonly error?: ClientHttpProxyError
}

const isRefused = (error: ClientError, challenger: Challenger): error is ClientHttpProxyError =>
  error._tag === "ClientHttpProxyError" && error.status === 407 && challenger.leg?.tunnel === true

let digests = 0

class Digest {
  static {
    showAs(Digest, "Digest")
  }

  private readonly credentials: Basic
  private readonly names: Names
  private readonly preemptive: boolean
  private readonly sessions = new Map<string, DigestSession>()
  /** Identifies these credentials, so that tunnels opened with others are not shared. */
  private readonly id = ++digests
  private firstOrigin: string | undefined = undefined
  private places: ReadonlyArray<Place> = []

  constructor(credentials: Basic, preemptive: boolean, proxy: boolean) {
    this.credentials = credentials
    this.names = proxy ? proxyNames : originNames
    this.preemptive = preemptive
  }

  run(request: PreparedRequest, next: Next): Effect.Effect<ClientResponse, ClientError> {
    const challenger = this.names === proxyNames ? proxyOf(request, next) : this.originOf(request)
    if (challenger === undefined) return next(request)
    const session = this.preemptive && this.covers(request) ? this.sessions.get(challenger.key) : undefined
    if (session === undefined) return this.send(request, next, undefined, 0, request, challenger)
    return Effect.flatMap(chooseQop(session.challenge, request, challenger), (qop) =>
      qop === undefined
        ? this.send(request, next, undefined, 0, request, challenger)
        : this.send(request, next, session, 0, this.authorize(request, session, qop, challenger), challenger)
    )
  }

  /** The origin, or `undefined` if credentials must not be sent to it. */
  private originOf(request: PreparedRequest): Challenger | undefined {
    if (hasCredentials(request)) return undefined
    const { key } = request.target.origin
    this.firstOrigin ??= key
    return key === this.firstOrigin || isWithin(this.places, request)
      ? { key, method: request.method, uri: request.target.target, leg: undefined }
      : undefined
  }

  private covers(request: PreparedRequest): boolean {
    return this.names === proxyNames || isWithin(this.places, request)
  }

  private authorize(
    request: PreparedRequest,
    session: DigestSession,
    qop: QopChoice,
    challenger: Challenger
  ): PreparedRequest {
    const { leg } = challenger
    if (leg !== undefined) return withAnswer(request, leg, this.id, () => session.authorization(challenger, qop))
    return setHeader(request, "Authorization", Redacted.make(session.authorization(challenger, qop)))
  }

  private send(
    request: PreparedRequest,
    next: Next,
    usedSession: DigestSession | undefined,
    answers: number,
    sent: PreparedRequest,
    challenger: Challenger
  ): Effect.Effect<ClientResponse, ClientError> {
    return Effect.matchEffect(next(sent), {
      onFailure: (error) => {
        const outcome = Effect.fail(error)
        if (!isRefused(error, challenger)) return outcome
        const challenges = [error.headers[this.names.challenge] ?? ""]
        return this.refused(request, next, usedSession, answers, challenger, { challenges, outcome, error })
      },
      onSuccess: (response) => {
        const outcome = Effect.succeed(response)
        // The response came through a tunnel, so the origin sent it.
        if (challenger.leg?.tunnel === true) return outcome
        if (response.status !== this.names.status) {
          if (usedSession !== undefined) this.renewNonce(usedSession, response)
          return outcome
        }
        const challenges = response.headerValues(this.names.challenge)
        return this.refused(request, next, usedSession, answers, challenger, { challenges, outcome, response })
      }
    })
  }

  private refused(
    request: PreparedRequest,
    next: Next,
    usedSession: DigestSession | undefined,
    answers: number,
    challenger: Challenger,
    refusal: Refusal
  ): Effect.Effect<ClientResponse, ClientError> {
    const challenge = strongest(refusal.challenges)
    if (challenge === undefined || !this.canAnswer(request, challenge, usedSession, answers, challenger)) {
      // Refused credentials must not be sent again without a challenge.
      if (usedSession !== undefined && this.sessions.get(challenger.key) === usedSession)
        this.sessions.delete(challenger.key)
      return refusal.outcome
    }
    return Effect.flatMap(chooseQop(challenge, request, challenger), (qop) => {
      if (qop === undefined) return refusal.outcome
      const session = this.sessionFor(request, challenge, challenger, usedSession)
      if (session instanceof InvalidRequest) return Effect.fail(session)
      const { error, response } = refusal
      // Releases the response first, because the next request may need its connection.
      return (response?.release ?? Effect.void).pipe(
        Effect.zipRight(emitRetry(next, request, { reason: "Digest", delay: 0, error, response })),
        Effect.zipRight(
          Effect.suspend(() =>
            this.send(
              request,
              next,
              session,
              answers + 1,
              this.authorize(request, session, qop, challenger),
              challenger
            )
          )
        )
      )
    })
  }

  /** Whether an answer to the challenge may succeed, given the `answers` that were already sent. */
  private canAnswer(
    request: PreparedRequest,
    challenge: DigestChallenge,
    usedSession: DigestSession | undefined,
    answers: number,
    challenger: Challenger
  ): boolean {
    // After a refused CONNECT, nothing of the body was sent.
    if (answers >= maxAnswers || (challenger.leg?.tunnel !== true && !isReplayable(request.body))) return false
    if (usedSession === undefined || challenge.stale) return true
    // An answer that was sent without a challenge may use an outdated one. An answer to this challenge was refused.
    return answers === 0 && !usedSession.knows(challenge)
  }

  private sessionFor(
    request: PreparedRequest,
    challenge: DigestChallenge,
    challenger: Challenger,
    refusedSession: DigestSession | undefined
  ): DigestSession | InvalidRequest {
    const known = this.sessions.get(challenger.key)
    // Another request may have received the same nonce meanwhile. Then its state continues, because the count must not
    // repeat. The secret of a "-sess" algorithm must derive from the same nonce, and not have been refused.
    const secretHolds = !challenge.session || (known !== refusedSession && known?.challenge.nonce === challenge.nonce)
    if (known?.knows(challenge) === true && secretHolds) return known
    const revealed = revealBasic(this.credentials)
    const problem = Either.isLeft(revealed)
      ? revealed.left
      : revealed.right.user.includes(":")
        ? 'expected a user name without ":"'
        : undefined
    if (Either.isLeft(revealed) || problem !== undefined) {
      return new InvalidRequest({ ...request.details, option: "auth", description: problem ?? "" })
    }
    const { password, user } = revealed.right
    const session = new DigestSession(challenge, { name: user, password, encoding: this.credentials.encoding })
    this.sessions.set(challenger.key, session)
    if (challenger.key === this.firstOrigin) this.places = placesOf(request, challenge.domain)
    return session
  }

  private renewNonce(session: DigestSession, response: ClientResponse): void {
    for (const field of response.headerValues(this.names.info)) {
      const nonce = nextNonceOf(field)
      if (nonce !== undefined) session.renew(nonce)
    }
  }
}

/** The proxy of the route. A 407 from any other server is not answered. */
const proxyOf = (request: PreparedRequest, next: Next): Challenger | undefined => {
  const leg = proxyLeg(request, next)
  return leg === undefined ? undefined : { key: leg.proxy.url, method: leg.method, uri: leg.uri, leg }
}

export const digest = (
  credentials: Basic,
  options: { readonly preemptive?: boolean | undefined; readonly proxy?: boolean | undefined }
): Effect.Effect<Middleware> =>
  Effect.sync(() => {
    const state = new Digest(credentials, options.preemptive ?? true, options.proxy ?? false)
    return addsCredentials((request, next) => state.run(preparedOf(request), next), "fixed")
  })
