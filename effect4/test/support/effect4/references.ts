/** Functions of Effect 3 that set a reference of an HTTP module, on Effect 4. */

import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Option } from "effect"
import { HttpClient, HttpIncomingMessage, Multipart } from "effect/http"
import { KeyValueStore } from "effect/persistence"

const setting =
  (reference: any, convert: (value: any) => any = (value) => value) =>
  (...given: ReadonlyArray<any>): any =>
    given.length === 1
      ? (effect: Effect.Effect<any, any, any>) => Effect.provideService(effect, reference, convert(given[0]))
      : Effect.provideService(given[0], reference, convert(given[1]))

/** A setting of a client: its requests have the reference. */
const clientSetting =
  (reference: any) =>
  (...given: ReadonlyArray<any>): any => {
    const run = (client: HttpClient.HttpClient, value: any) =>
      HttpClient.transformResponse(client, (effect) => Effect.provideService(effect, reference, value))
    return given.length === 1 ? (client: HttpClient.HttpClient) => run(client, given[0]) : run(given[0], given[1])
  }

const size = (value: Option.Option<any>) => (Option.isSome(value) ? BigInt(value.value) : undefined)

export const withMaxBodySize = setting(HttpIncomingMessage.MaxBodySize, size)
export const withTracerDisabledWhen = clientSetting(HttpClient.TracerDisabledWhen)
export const withTracerPropagation = clientSetting(HttpClient.TracerPropagationEnabled)
export const withSpanNameGenerator = clientSetting(HttpClient.SpanNameGenerator)
export const withMaxParts = setting(Multipart.MaxParts, Option.getOrUndefined)
export const withMaxFieldSize = setting(Multipart.MaxFieldSize, BigInt)
export const withMaxFileSize = setting(Multipart.MaxFileSize, size)
export const withFieldMimeTypes = setting(Multipart.FieldMimeTypes)

export const layerFileSystem = (directory: string) =>
  KeyValueStore.layerFileSystem(directory).pipe(Layer.provide(NodeServices.layer))

export const mapLayer = (...given: ReadonlyArray<any>): any => {
  const run = (layer: Layer.Layer<any, any, any>, f: (context: any) => any) =>
    Layer.effectContext(Effect.map(Layer.build(layer), f))
  return given.length === 1 ? (layer: Layer.Layer<any, any, any>) => run(layer, given[0]) : run(given[0], given[1])
}

export const Size = (bytes: number | bigint): bigint => BigInt(bytes)
