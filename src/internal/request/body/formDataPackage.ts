/** Sends forms of the `form-data` package, which are streams of Node's first API and have no iterator. */
import { PassThrough, type Readable } from "node:stream"

/** The members of a form that this module uses. */
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

/** The length in bytes, unless the form contains a stream of unknown length. */
export const packageFormLength = (form: PackageForm): number | undefined => {
  const length = call(form, "hasKnownLength") === true ? call(form, "getLengthSync") : undefined
  return typeof length === "number" ? length : undefined
}

/** Converts a form to a Readable, which fails with the errors of parts. Destroying it destroys the form. */
export const packageFormReadable = (form: PackageForm): Readable => {
  const through = new PassThrough()
  // An error before anything reads the Readable would otherwise be uncaught. Later reads fail with it.
  through.on("error", () => {})
  form.on("error", (error) => through.destroy(error))
  through.once("close", () => call(form, "destroy"))
  form.pipe(through)
  return through
}
