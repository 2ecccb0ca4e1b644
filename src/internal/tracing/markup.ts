/** Builds HTML and SVG from templates, which escape every inserted string. */
import { printable } from "../redact.js"

/** Markup, which templates insert without escaping. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const entities: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** Unpaired surrogates and noncharacters, which XML 1.0 section 2.2 excludes. */
const notXml = /\p{Surrogate}|[\ufffe\uffff]/gu

/** Escapes text for content and quoted attributes. Makes control characters visible. */
export const escapeText = (text: string): string =>
  printable(text)
    .replace(notXml, "\ufffd")
    .replace(/[&<>"']/g, (character) => entities[character] ?? "")

/** A value in a template. `undefined` inserts nothing. */
export type Inserted = string | number | Markup | ReadonlyArray<Markup> | undefined

const textOf = (value: Inserted): string => {
  if (value === undefined) return ""
  if (value instanceof Markup) return value.text
  return typeof value === "object" ? value.map(({ text }) => text).join("") : escapeText(String(value))
}

/** The tag of templates of markup. */
export const markup = (parts: TemplateStringsArray, ...values: ReadonlyArray<Inserted>): Markup =>
  new Markup(parts.map((part, index) => (index === 0 ? part : textOf(values[index - 1]) + part)).join(""))

/** Lines of text, for content and quoted attributes. */
export const joinLines = (lines: ReadonlyArray<string>): Markup => new Markup(lines.map(escapeText).join("&#10;"))
