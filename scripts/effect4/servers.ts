/** Rewrites routers, served apps and declarations of HTTP APIs. */
import ts from "typescript"
import type { Rewriter } from "./rewriter.js"

const routerModule = "@effect/platform/HttpRouter"

/** Rewrites `HttpRouter.empty.pipe(HttpRouter.get(...), ...)` to a layer of routes. */
const routes = (node: ts.Expression, file: Rewriter): string | undefined => {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined
  const { expression, name } = node.expression
  if (name.text !== "pipe" || !file.is(expression, routerModule, "empty")) return undefined
  const router = file.need("effect/http/HttpRouter")
  const made: Array<string> = []
  for (const route of node.arguments) {
    const found = ts.isCallExpression(route) ? file.memberOf(route.expression) : undefined
    if (!ts.isCallExpression(route) || found?.[0] !== routerModule) return undefined
    const method = found[1] === "all" ? "*" : found[1] === "del" ? "DELETE" : found[1].toUpperCase()
    made.push(`${router}.route("${method}", ${file.args(route.arguments)})`)
  }
  return `${router}.addAll([${made.join(", ")}])`
}

/** Rewrites a call that serves routes. */
const served = (node: ts.CallExpression, file: Rewriter): string | undefined => {
  const [app, ...others] = node.arguments
  const layer = app === undefined || others.length > 0 ? undefined : routes(app, file)
  if (layer === undefined) return undefined
  const router = file.need("effect/http/HttpRouter")
  if (file.is(node.expression, "@effect/platform/HttpServer", "serve")) return `${router}.serve(${layer})`
  const callee = node.expression.getText(file.source)
  return callee === "Connector.layerHttpApp"
    ? `${file.need("effect/Layer")}.unwrap(${file.need("effect/Effect")}.map(${router}.toHttpEffect(${layer}), (app) => ${callee}(app)))`
    : undefined
}

/** The options of an endpoint by the methods of Effect 3 that set them. */
const settings: Readonly<Record<string, string>> = {
  addError: "error",
  addSuccess: "success",
  setHeaders: "headers",
  setPath: "params",
  setPayload: "payload",
  setUrlParams: "query"
}

/** Rewrites `HttpApiEndpoint.get(...).setPath(...).addSuccess(...)`. */
const endpoint = (node: ts.CallExpression, file: Rewriter): string | undefined => {
  const given: Array<string> = []
  let at: ts.Expression = node
  while (ts.isCallExpression(at) && ts.isPropertyAccessExpression(at.expression)) {
    if (file.memberOf(at.expression)?.[0] === "@effect/platform/HttpApiEndpoint") {
      if (given.length === 0) return undefined
      return `${file.emit(at.expression)}(${file.args(at.arguments)}, { ${given.reverse().join(", ")} })`
    }
    const { expression, name }: ts.PropertyAccessExpression = at.expression
    const option = settings[name.text]
    if (option === undefined || at.arguments.length !== 1) return undefined
    given.push(`${option}: ${file.args(at.arguments)}`)
    at = expression
  }
  return undefined
}

/** Rewrites `HttpApiBuilder.toWebHandler(Layer.merge(Api, HttpServer.layerContext))`. */
const webHandler = (node: ts.CallExpression, file: Rewriter): string | undefined => {
  const [layer] = node.arguments
  if (!file.is(node.expression, "@effect/platform/HttpApiBuilder", "toWebHandler")) return undefined
  if (layer === undefined || !ts.isCallExpression(layer) || !file.is(layer.expression, "effect/Layer", "merge"))
    return undefined
  const [api, context] = layer.arguments
  if (api === undefined || context === undefined || !file.is(context, "@effect/platform/HttpServer", "layerContext"))
    return undefined
  const services = `${file.need("effect/http/HttpServer")}.layerServices`
  return `${file.need("effect/http/HttpRouter")}.toWebHandler(${file.need("effect/Layer")}.provide(${file.emit(api)}, ${services}))`
}

export const server = (node: ts.CallExpression, file: Rewriter): string | undefined =>
  served(node, file) ?? endpoint(node, file) ?? webHandler(node, file) ?? routes(node, file)
