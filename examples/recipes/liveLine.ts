import { Effect, Fiber, Option, Stream } from "effect"
import { Session, type Tracing } from "effect-http-session"

const megabytes = (bytes: number) => `${(bytes / 1_000_000).toFixed(1)} MB`

/** The progress of the body in transfer with the most bytes left. */
const shareOf = (transfers: ReadonlyArray<Tracing.Transfer>) => {
  const known = transfers.flatMap(({ total, transferred }) =>
    Option.isSome(total) ? [{ transferred, total: total.value }] : []
  )
  const [largest] = known.sort((a, b) => b.total - b.transferred - (a.total - a.transferred))
  return largest === undefined ? "" : `, ${Math.floor((100 * largest.transferred) / largest.total)} %`
}

const lineOf = ({ active, answered, failed, received, receivedPerSecond, transfers }: Tracing.Activity) =>
  `${answered} answered, ${active} active, ${failed} failed, ` +
  `${megabytes(received)} at ${megabytes(receivedPerSecond)}/s${shareOf(transfers)}`

/** Redraws the line in place on a terminal; writes a new line to a file or a pipe. */
const draw = (line: string) =>
  Effect.sync(() => {
    const { columns, isTTY } = process.stderr
    process.stderr.write(isTTY ? `\r${line.slice(0, columns - 1)}\x1b[K` : `${line}\n`)
  })

/** Shows the activity of the session while `self` runs. At the end, closes the session, which ends the line. */
export const withLiveLine = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const session = yield* Session.Session
    const { isTTY } = process.stderr
    const drawing = yield* session
      .activity({ interval: isTTY ? "100 millis" : "5 seconds" })
      .pipe(
        Stream.map(lineOf),
        Stream.changes,
        Stream.runForEach(draw),
        Effect.ensuring(Effect.sync(() => isTTY && process.stderr.write("\n"))),
        Effect.fork
      )
    // The stream does not count requests that start before it.
    yield* Effect.yieldNow()
    return yield* Effect.ensuring(self, Effect.zipRight(session.close, Fiber.join(drawing)))
  })
