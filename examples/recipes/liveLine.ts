import { Effect, Fiber, Option, Stream } from "effect"
import { Session, type Tracing } from "effect-http-session"

const megabytes = (bytes: number) => `${(bytes / 1_000_000).toFixed(1)} MB`

/** The share of the body in transfer that has the most bytes left. */
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

/** On a terminal, draws the line in place; in a file or a pipe, adds a line. */
const draw = (line: string) =>
  Effect.sync(() => {
    const { columns, isTTY } = process.stderr
    process.stderr.write(isTTY ? `\r${line.slice(0, columns - 1)}\x1b[K` : `${line}\n`)
  })

/** Shows what the session does while `self` runs. Closes the session at the end, and with it the line. */
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
    // Requests that start before the stream are not counted.
    yield* Effect.yieldNow()
    return yield* Effect.ensuring(self, Effect.zipRight(session.close, Fiber.join(drawing)))
  })
