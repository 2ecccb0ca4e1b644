/** An `HttpApi` of users: its server and its derived client. */
import {
  FileSystem,
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiError,
  HttpApiGroup,
  HttpApiSchema,
  Multipart
} from "@effect/platform"
import { NodeFileSystem, NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Schema } from "effect"

export class User extends Schema.Class<User>("User")({ id: Schema.Number, name: Schema.String }) {}

export class NotThere extends Schema.TaggedError<NotThere>()("NotThere", { id: Schema.Number }) {}

const Id = Schema.Struct({ id: Schema.NumberFromString })

const Api = HttpApi.make("api").add(
  HttpApiGroup.make("users")
    .add(
      HttpApiEndpoint.get("find", "/users/:id")
        .setPath(Id)
        .setUrlParams(Schema.Struct({ upper: Schema.optional(Schema.BooleanFromString) }))
        .addSuccess(User)
        .addError(NotThere, { status: 404 })
    )
    .add(HttpApiEndpoint.post("create", "/users").setPayload(User).addSuccess(User, { status: 201 }))
    .add(HttpApiEndpoint.del("remove", "/users/:id").setPath(Id))
    .add(
      HttpApiEndpoint.post("upload", "/upload")
        .setPayload(HttpApiSchema.Multipart(Schema.Struct({ file: Multipart.SingleFileSchema })))
        .addSuccess(Schema.Struct({ name: Schema.String, size: Schema.Number }))
    )
    .add(HttpApiEndpoint.get("fails", "/fails").addError(HttpApiError.Forbidden))
)

/** The server. The user with id 0 does not exist. */
export const ServedUsers = HttpApiBuilder.serve().pipe(
  Layer.provide(HttpApiBuilder.api(Api)),
  Layer.provide(
    HttpApiBuilder.group(Api, "users", (users) =>
      users
        .handle("find", ({ path, urlParams }) =>
          path.id === 0
            ? Effect.fail(new NotThere({ id: 0 }))
            : Effect.succeed(new User({ id: path.id, name: urlParams.upper === true ? "A" : "a" }))
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
  ),
  Layer.provide(NodeFileSystem.layer),
  Layer.provideMerge(NodeHttpServer.layerTest)
)

/** The derived client. */
export const usersClient = (baseUrl: string) =>
  Effect.map(HttpApiClient.make(Api, { baseUrl }), ({ users }) => ({
    find: (id: number, upper?: boolean) => users.find({ path: { id }, urlParams: { upper } }),
    create: (user: User) => users.create({ payload: user, withResponse: true }),
    remove: (id: number) => users.remove({ path: { id } }),
    upload: (payload: FormData) => users.upload({ payload }),
    fails: users.fails()
  }))
