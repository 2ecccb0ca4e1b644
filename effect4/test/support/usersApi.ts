/** An `HttpApi` of users: its server and its derived client. */
import { NodeFileSystem, NodeHttpServer } from "@effect/platform-node"
import { Effect, FileSystem, Layer, Schema } from "effect"
import { HttpRouter, Multipart } from "effect/http"
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiError,
  HttpApiGroup,
  HttpApiSchema
} from "effect/http-api"

export class User extends Schema.Class<User>("User")({ id: Schema.Number, name: Schema.String }) {}

export class NotThere extends Schema.TaggedError<NotThere>()("NotThere", { id: Schema.Number }) {}

const params = { id: Schema.NumberFromString }

const Api = HttpApi.make("api").add(
  HttpApiGroup.make("users")
    .add(
      HttpApiEndpoint.get("find", "/users/:id", {
        params,
        query: { upper: Schema.optional(Schema.Literals(["true", "false"])) },
        success: User,
        error: NotThere.pipe(HttpApiSchema.status(404))
      })
    )
    .add(HttpApiEndpoint.post("create", "/users", { payload: User, success: User.pipe(HttpApiSchema.status(201)) }))
    .add(HttpApiEndpoint.delete("remove", "/users/:id", { params }))
    .add(
      HttpApiEndpoint.post("upload", "/upload", {
        payload: Schema.Struct({ file: Multipart.SingleFileSchema }).pipe(HttpApiSchema.asMultipart()),
        success: Schema.Struct({ name: Schema.String, size: Schema.Number })
      })
    )
    .add(HttpApiEndpoint.get("fails", "/fails", { error: HttpApiError.Forbidden }))
)

/** The server. The user with id 0 does not exist. */
export const ServedUsers = HttpRouter.serve(
  HttpApiBuilder.layer(Api).pipe(
    Layer.provide(
      HttpApiBuilder.group(Api, "users", (users) =>
        users
          .handle("find", ({ params: { id }, query }) =>
            id === 0
              ? Effect.fail(new NotThere({ id: 0 }))
              : Effect.succeed(new User({ id, name: query.upper === "true" ? "A" : "a" }))
          )
          .handle("create", ({ payload }) => Effect.succeed(payload))
          .handle("remove", () => Effect.void)
          .handle("upload", ({ payload }) =>
            Effect.gen(function* () {
              const files = yield* FileSystem.FileSystem
              const { size } = yield* Effect.orDie(files.stat(payload.file.path))
              return { name: payload.file.name, size: Number(size) }
            })
          )
          .handle("fails", () => Effect.fail(new HttpApiError.Forbidden()))
      )
    )
  )
).pipe(Layer.provide(NodeFileSystem.layer), Layer.provideMerge(NodeHttpServer.layerTest))

/** The derived client. */
export const usersClient = (baseUrl: string) =>
  Effect.map(HttpApiClient.make(Api, { baseUrl }), ({ users }) => ({
    find: (id: number, upper?: boolean) =>
      users.find({ params: { id }, query: { upper: upper === undefined ? undefined : `${upper}` } }),
    create: (payload: User) => users.create({ payload, responseMode: "decoded-and-response" }),
    remove: (id: number) => users.remove({ params: { id } }),
    upload: (payload: FormData) => users.upload({ payload }),
    fails: users.fails()
  }))
