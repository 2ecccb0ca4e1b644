import { Effect } from "effect"
import { Session, Tracing } from "effect-http-session"

/** Logs each request once, after redirects and retries. URLs and errors in signals contain no secrets. */
const logged = Tracing.traceConfig({
  ctx: () => ({ startedAt: 0 }),
  onRequestStart: (_session, ctx, { time }) =>
    Effect.sync(() => {
      ctx.startedAt = time
    }),
  onRequestRetry: (_session, _ctx, { attempt, reason }) => Effect.logWarning(`attempt ${attempt} failed: ${reason}`),
  onRequestEnd: (_session, ctx, { method, response, time, url }) =>
    Effect.logInfo(`${method} ${url} ${response.status}`).pipe(
      Effect.annotateLogs("millis", Math.round(time - ctx.startedAt))
    ),
  onRequestException: (_session, _ctx, { cause, method, url }) => Effect.logWarning(`${method} ${url} failed`, cause)
})

export const Logged = Session.layer({ traceConfigs: [logged] })
