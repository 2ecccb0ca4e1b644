import { HttpBody } from "@effect/platform"
import { Console, Effect, Option, Schedule } from "effect"
import { type ClientRequest, ClientResponse, Errors, Session } from "effect-http-session"

/** Prints a line for each tenth of the file. */
const progress = () => {
  let tenths = -1
  return ({ direction, total, transferred }: ClientRequest.Progress) => {
    const now = Math.floor((10 * transferred) / Option.getOrElse(total, () => Infinity))
    if (now <= tenths) return Effect.void
    tenths = now
    return Console.log(`${direction} ${now * 10} %`)
  }
}

/** Streams a file of any size from the disk, with its length. Requires a `FileSystem`. */
export const upload = (path: string, to: string) =>
  Effect.flatMap(HttpBody.file(path, { contentType: "application/octet-stream" }), (data) =>
    Session.put(to, {
      data,
      onProgress: progress(),
      raiseForStatus: true,
      timeout: { total: Infinity, connect: "10 seconds", send: "30 seconds" }
    }).pipe(ClientResponse.discard)
  )

/** Continues the download of an earlier run, and after lost connections in this run. */
export const download = (from: string, path: string) =>
  Session.get(from, {
    raiseForStatus: true,
    timeout: { total: Infinity, connect: "10 seconds", body: "30 seconds" }
  }).pipe(
    ClientResponse.toFile(path, { resume: true, onProgress: progress() }),
    Effect.retry({ while: Errors.isRetryable, schedule: Schedule.spaced("10 seconds"), times: 30 })
  )
