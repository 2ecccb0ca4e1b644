/** Rewrites types with another form in Effect 4. */
import ts from "typescript"
import type { Rewriter } from "./rewriter.js"

type TypeRule = (node: ts.TypeReferenceNode, file: Rewriter, local: string) => string

const renamed =
  (member: string): TypeRule =>
  (node, file, local) =>
    `${local}.${member}${file.types(node)}`

const indexed =
  (member: string): TypeRule =>
  (node, file) =>
    `(${file.args(node.typeArguments ?? [])})["${member}"]`

const of =
  (module: string, member: string): TypeRule =>
  (node, file) =>
    `${file.need(module)}.${member}${file.types(node)}`

/** The rules by module and path of Effect 3. */
const rules: Readonly<Record<string, TypeRule>> = {
  "effect/Chunk.Chunk": (node, file) => `ReadonlyArray${file.types(node)}`,
  "effect/Config.Config.Wrap": renamed("Wrap"),
  "effect/ConfigError.ConfigError": of("effect/Config", "ConfigError"),
  "effect/Effect.Effect.Context": renamed("Services"),
  "effect/Effect.Effect.Error": renamed("Error"),
  "effect/Effect.Effect.Success": renamed("Success"),
  "effect/Effect.Latch": of("effect/Latch", "Latch"),
  "effect/Effect.Semaphore": of("effect/Semaphore", "Semaphore"),
  "effect/FiberRefs.FiberRefs": (_, file) => `${file.need("effect/Context")}.Context<never>`,
  "effect/Layer.Layer.Success": renamed("Success"),
  "effect/ParseResult.ParseError": of("effect/Schema", "SchemaError"),
  "effect/Runtime.Runtime": of("effect/Context", "Context"),
  "effect/Schema.Schema": (node, file, local) => {
    const [type, encoded, services] = (node.typeArguments ?? []).map((each) => file.emit(each))
    return `${local}.Codec<${[type, encoded ?? type, ...(services === undefined ? [] : [services])].join(", ")}>`
  },
  "effect/Schema.Schema.Any": renamed("Top"),
  "effect/Schema.Schema.Context": indexed("DecodingServices"),
  "effect/Schema.Schema.Encoded": indexed("Encoded"),
  "effect/Schema.Schema.Type": indexed("Type"),
  "effect/Stream.Stream.Context": renamed("Services"),
  "effect/Stream.Stream.Error": renamed("Error"),
  "effect/Stream.Stream.Success": renamed("Success")
}

/** The type of an app of an HTTP server, for which Effect 4 has no name. */
const httpApp = (node: ts.TypeReferenceNode, file: Rewriter, response: string): string => {
  const [error = "never", services = "never"] = (node.typeArguments ?? []).map((each) => file.emit(each))
  return `${file.need("effect/Effect")}.Effect<${response}, ${error}, ${services}>`
}

/** Type ids whose value is exported without a type of the same name. */
const typeIds: ReadonlySet<string> = new Set([
  "@effect/platform/HttpIncomingMessage.TypeId",
  "@effect/platform/HttpClientResponse.TypeId",
  "@effect/platform/Socket.TypeId"
])

const partsOf = (name: ts.EntityName): ReadonlyArray<string> =>
  ts.isIdentifier(name) ? [name.text] : [...partsOf(name.left), name.right.text]

export const typeReference = (node: ts.TypeReferenceNode, file: Rewriter): string | undefined => {
  const [first = "", ...rest] = partsOf(node.typeName)
  const found = file.imported.get(first)
  if (found === undefined) return undefined
  const path = [found.module, ...(found.member === undefined ? rest : [found.member, ...rest])].join(".")
  const local = file.localOf(first)
  if (path === "@effect/platform/HttpApp.Default") {
    return httpApp(
      node,
      file,
      found.member === undefined ? `${file.need("effect/http/HttpServerResponse")}.HttpServerResponse` : local
    )
  }
  if (typeIds.has(path)) return `typeof ${local}${rest.map((part) => `.${part}`).join("")}`
  if (found.member !== undefined) return undefined
  return rules[path]?.(node, file, local)
}
