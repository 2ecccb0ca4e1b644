/**
 * Writes docs/error-catalogue.md from the docstrings of src/Errors.ts and from an instance of each error. A test
 * compares the file with the source.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect } from "effect"
import { Errors } from "effect-http-session"
import ts from "typescript"
import { type AnyError, errorSamples } from "./errorSamples.js"
import { root } from "./project.js"

/** One error class of the source. */
interface Declared {
  readonly tag: string
  readonly docstring: string
  /** The literals of its field `reason`; empty if it may be any text. */
  readonly reasons: ReadonlyArray<string>
}

const reasonsOf = (declaration: ts.ClassDeclaration): ReadonlyArray<string> => {
  const found: Array<string> = []
  const visit = (node: ts.Node): void => {
    if (ts.isPropertySignature(node) && node.name.getText() === "reason" && node.type !== undefined) {
      const types = ts.isUnionTypeNode(node.type) ? node.type.types : [node.type]
      for (const type of types) {
        if (ts.isLiteralTypeNode(type) && ts.isStringLiteral(type.literal)) found.push(type.literal.text)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(declaration)
  return found
}

/** The error classes of src/Errors.ts, in their order. */
export const declaredErrors = (): ReadonlyArray<Declared> => {
  const path = join(root, "src/Errors.ts")
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true)
  return source.statements.filter(ts.isClassDeclaration).map((declaration) => ({
    tag: declaration.name?.text ?? "",
    docstring: ts
      .getJSDocCommentsAndTags(declaration)
      .filter(ts.isJSDoc)
      .map((doc) => ts.getTextOfJSDocComment(doc.comment) ?? "")
      .join("\n\n"),
    reasons: reasonsOf(declaration)
  }))
}

/** Joins the lines of each paragraph and of each list item. */
const unwrap = (text: string): string =>
  text
    .split("\n\n")
    .map((paragraph) => paragraph.replace(/\n(?!- )\s*/g, " "))
    .join("\n\n")
    .replace(/^(Causes|Remedy): (.)/gm, (_, word: string, first: string) => `**${word}.** ${first.toUpperCase()}`)

const reasonOf = (error: AnyError): string | undefined =>
  "reason" in error && typeof error.reason === "string" ? error.reason : undefined

/** The value in which the samples of an error differ: the reason, or the status of a response. */
const kindOf = ({ reasons }: Declared, error: AnyError): string | undefined => {
  if (reasons.length > 0) return `"${reasonOf(error)}"`
  return "status" in error && error.status !== undefined ? `status ${error.status}` : undefined
}

/** Describes which samples `Errors.isRetryable` accepts. */
const retryable = (declared: Declared, samples: ReadonlyArray<AnyError>): string => {
  const yes = samples.filter(Errors.isRetryable)
  if (yes.length === 0) return "no"
  if (yes.length === samples.length) return "yes"
  return `yes for ${[...new Set(yes.map((error) => kindOf(declared, error)))].join(", ")}`
}

const section = (declared: Declared, samples: ReadonlyArray<AnyError>): string => {
  const messages = samples.map((error) => error.message).join("\n")
  const ofRequest = samples.some(Errors.isClientError)
  return [
    `## ${declared.tag}`,
    unwrap(declared.docstring),
    ...(ofRequest ? [`**May a GET be sent again** (\`Errors.isRetryable\`)? ${retryable(declared, samples)}.`] : []),
    `\`\`\`text\n${messages}\n\`\`\``
  ].join("\n\n")
}

const introduction = `# Error catalogue

Every error: when it occurs, its messages, usual causes, and what to do. [Errors](errors.md) explains how to catch and to retry them. \`npm run docs:errors\` generates this page from the docstrings of \`src/Errors.ts\` and from real instances; do not edit it.

A message says what failed and why, and in parentheses names the request, the phase and, after the first, the attempt.`

/** Faults of the source: an error or a reason without a sample, or a reason that no docstring explains. */
export const faultsOf = (errors: ReadonlyArray<Declared>, samples: ReadonlyArray<AnyError>): ReadonlyArray<string> =>
  errors.flatMap(({ docstring, reasons, tag }) => {
    const own = samples.filter((error) => error._tag === tag)
    const faults = ["Causes:", "Remedy:"]
      .filter((word) => !docstring.includes(`\n${word} `))
      .map((word) => `src/Errors.ts: the docstring of ${tag} has no paragraph "${word}"`)
    if (own.length === 0) faults.push(`scripts/errorSamples.ts: ${tag} has no sample`)
    for (const reason of reasons) {
      if (!docstring.includes(`"${reason}"`)) faults.push(`src/Errors.ts: the docstring of ${tag} omits "${reason}"`)
      if (own.every((error) => reasonOf(error) !== reason)) {
        faults.push(`scripts/errorSamples.ts: ${tag} "${reason}" has no sample`)
      }
    }
    return faults
  })

/** The text of the page. */
export const catalogue: Effect.Effect<string, ReadonlyArray<string>> = Effect.gen(function* () {
  const errors = declaredErrors()
  const samples = yield* errorSamples
  const faults = faultsOf(errors, samples)
  if (faults.length > 0) return yield* Effect.fail(faults)
  const sections = errors.map((declared) => {
    const own = samples.filter((error) => error._tag === declared.tag)
    const rank = (error: AnyError) => declared.reasons.indexOf(reasonOf(error) ?? "")
    return section(
      declared,
      own.sort((one, other) => rank(one) - rank(other))
    )
  })
  return `${[introduction, ...sections].join("\n\n")}\n`
})

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(join(root, "docs/error-catalogue.md"), await Effect.runPromise(catalogue))
}
