/**
 * What the `form-data` package makes: a stream of the old kind, which has neither an iterator nor a length of its own.
 */
import { PassThrough, type Readable } from "node:stream"

/** As much of the package's FormData as sending it takes. */
export interface PackageForm {
  readonly getBoundary: () => unknown
  readonly pipe: (to: NodeJS.WritableStream) => unknown
  readonly on: (event: "error", listener: (error: Error) => void) => unknown
}

const has = (value: object, name: string): boolean => typeof Reflect.get(value, name) === "function"

const call = (value: object, name: string): unknown =>
  has(value, name) ? Reflect.apply(Reflect.get(value, name), value, []) : undefined

export const isPackageForm = (value: unknown): value is PackageForm =>
  typeof value === "object" &&
  value !== null &&
  ["getBoundary", "getHeaders", "pipe", "on"].every((name) => has(value, name))

export const packageFormType = (form: PackageForm): string =>
  `multipart/form-data; boundary=${String(form.getBoundary())}`

/** In bytes, where no stream of unknown length is in it. */
export const packageFormLength = (form: PackageForm): number | undefined => {
  const length = call(form, "hasKnownLength") === true ? call(form, "getLengthSync") : undefined
  return typeof length === "number" ? length : undefined
}

/** Its bytes, to read by the iterator, which has the error of a part as well; it ends with the Readable. */
export const packageFormReadable = (form: PackageForm): Readable => {
  const through = new PassThrough()
  // The iterator reports it, but may not be there yet.
  through.on("error", () => {})
  form.on("error", (error) => through.destroy(error))
  through.once("close", () => call(form, "destroy"))
  form.pipe(through)
  return through
}
