/**
 * Cookies by RFC 6265bis: the jar of a session, and jars for custom use.
 *
 * A jar is plain data behind a few Effects. It performs no I/O, uses Effect's Clock, and every operation is atomic. It
 * rejects cookies that are malformed or that their sender may not set; requests never fail because of them. Values are
 * sent back byte for byte as received.
 *
 * Rules in addition to the RFC's algorithms (aiohttp: `CookieJar`):
 *
 * - No cookies from or to IP addresses, unless `unsafe`.
 * - No cookies for a public suffix ("com", "co.uk", "github.io"), except host-only cookies of that very host.
 * - No Secure cookies from or to http, and none over http that shadow a Secure cookie, unless `treatAsSecureOrigin`.
 * - Names starting with "__Host-" or "__Secure-", in any case, must satisfy the conditions of these prefixes.
 * - `SameSite=None` requires Secure. Otherwise SameSite and Partitioned are stored and shown but have no effect, since
 *   a program is not a site.
 * - Limits: 4096 octets of name and value, 1024 per attribute, 400 days of lifetime, 50 Set-Cookie lines per response,
 *   180 cookies per domain, 3000 in total, and 8190 octets in a Cookie header.
 * - No nameless cookies, unless `nameless`.
 *
 * @since 0.1.0
 */
import type * as Cookies from "@effect/platform/Cookies"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { CookiesInput, UrlInput } from "./ClientRequest.js"
import type { CookieJarError, InvalidURL } from "./Errors.js"
import * as file from "./internal/cookies/file.js"
import { Jar } from "./internal/cookies/jar.js"
import { persist } from "./internal/cookies/persist.js"
import { fromJar } from "./internal/cookies/service.js"
import { disabled, resolve } from "./internal/cookies/settings.js"

/**
 * Marks a jar.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = "~effect-http-session/CookieJar"

/**
 * The type of `TypeId`.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = "~effect-http-session/CookieJar"

/**
 * A stored cookie, as text. Immutable.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cookie {
  /** Empty for a nameless cookie, which only a jar with `nameless` stores. */
  readonly name: string
  /** As received: not decoded, quotes included. Not printed, but part of the JSON. */
  readonly value: string
  /** In lower-case A-labels, without a leading dot; "" for a shared cookie, which is sent to every host. */
  readonly domain: string
  /** Whether the cookie is not sent to subdomains. */
  readonly hostOnly: boolean
  readonly path: string
  /** Sent only over https, or to a `treatAsSecureOrigin`. */
  readonly secure: boolean
  /** Informational: HttpOnly allows every request of a program. */
  readonly httpOnly: boolean
  /** Informational. None if absent or unknown. */
  readonly sameSite: Option.Option<"strict" | "lax" | "none">
  /** Informational. */
  readonly partitioned: boolean
  /** At most 400 days after it was set. None for a session cookie, which lasts as long as the jar or its saved form. */
  readonly expires: Option.Option<DateTime.Utc>
  /** When a cookie with this name, domain and path was first set. */
  readonly created: DateTime.Utc
}

/**
 * The rules and limits of a jar.
 *
 * @since 0.1.0
 * @category models
 */
export interface CookieJarOptions {
  /**
   * Accepts cookies from, and sends them to, IP addresses, as needed for tests against 127.0.0.1. Shared cookies are
   * sent there in any case. Default `false` (aiohttp: `unsafe`).
   */
  readonly unsafe?: boolean | undefined
  /**
   * Quotes values that are not tokens, with octal escapes like aiohttp; a value received in quotes is unchanged.
   * Default `false`: byte for byte (aiohttp: `quote_cookie`, default `True`).
   */
  readonly quoteCookie?: boolean | undefined
  /**
   * Stores nameless cookies, such as `Set-Cookie: token`, and sends them as `token`, like RFC 6265bis and browsers.
   * Default `false`: dropped, like RFC 6265 and aiohttp.
   */
  readonly nameless?: boolean | undefined
  /**
   * Http origins that are treated as https for Secure cookies, such as "http://localhost:3000". Default none, not even
   * localhost (aiohttp: `treat_as_secure_origin`).
   */
  readonly treatAsSecureOrigin?: string | ReadonlyArray<string> | undefined
  /** Default 3000; 0 stores nothing. Evicts the least recently used cookies. */
  readonly maxCookies?: number | undefined
  /** Default 180, for one exact domain. Evicts cookies that are not Secure first, then the least recently used. */
  readonly maxCookiesPerDomain?: number | undefined
}

/**
 * The service of a jar. It performs no I/O: a persisted jar saves in the background and when its Scope closes. Each
 * operation is atomic.
 *
 * URLs are parsed by the URL standard. A URL without a host, or with a scheme other than http, https, ws and wss, is an
 * `InvalidURL`.
 *
 * @since 0.1.0
 * @category models
 */
export interface CookieJarService {
  readonly [TypeId]: TypeId
  /**
   * Stores the Set-Cookie lines of one response from `url`, at most 50. Drops lines that are malformed or not allowed
   * (RFC 6265bis sections 5.6 and 5.7; aiohttp: `update_cookies_from_headers`).
   */
  readonly setCookies: (lines: Iterable<string>, url: UrlInput) => Effect.Effect<void, InvalidURL>
  /**
   * Stores cookies for the host of `url` with path "/", or without a URL for every host. Attributes and `valueEncoded`
   * of @effect/platform's cookies are applied. Drops cookies that would break a Cookie header, such as a value with ";"
   * (aiohttp: `update_cookies`).
   */
  readonly updateCookies: (cookies: CookiesInput | Cookies.Cookies, url?: UrlInput) => Effect.Effect<void, InvalidURL>
  /**
   * The cookies that a request to `url` would send, in sending order: longer paths first, then older cookies. Two
   * cookies may have the same name (RFC 6265bis section 5.8.3; aiohttp: `filter_cookies`). Marks them as used.
   */
  readonly filterCookies: (url: UrlInput) => Effect.Effect<ReadonlyArray<Cookie>, InvalidURL>
  /** The same cookies as the value of a Cookie header. */
  readonly cookieHeader: (url: UrlInput) => Effect.Effect<Option.Option<string>, InvalidURL>
  /** Removes all cookies, or those for which `predicate` returns true. */
  readonly clear: (predicate?: (cookie: Cookie) => boolean) => Effect.Effect<void>
  /** Removes the cookies of a domain and its subdomains; "" removes shared cookies. */
  readonly clearDomain: (domain: string) => Effect.Effect<void>
  /** All cookies that have not expired, oldest first. */
  readonly entries: Effect.Effect<ReadonlyArray<Cookie>>
  /** The number of cookies that have not expired. */
  readonly size: Effect.Effect<number>
  /**
   * The jar as a JSON value, including session cookies and all values: treat it as a secret. Characters beyond ASCII
   * appear as one character per octet.
   */
  readonly toJson: Effect.Effect<unknown>
  /**
   * Adds saved cookies that have not expired, replacing cookies with the same name, domain and path. Skips cookies that
   * the jar's options do not allow. Fails with `CookieJarError` without changing anything.
   */
  readonly fromJson: (json: unknown) => Effect.Effect<void, CookieJarError>
}

/**
 * The jar of a session.
 *
 * @since 0.1.0
 * @category tags
 */
export class CookieJar extends Context.Tag("effect-http-session/CookieJar")<CookieJar, CookieJarService>() {}

/**
 * Creates an empty jar, with strict rules by default (aiohttp: `CookieJar`). An invalid limit or origin is a defect.
 *
 * ```ts
 * import { CookieJar } from "effect-http-session"
 * import { Effect } from "effect"
 *
 * export const program = Effect.gen(function* () {
 *   const jar = yield* CookieJar.make()
 *   yield* jar.setCookies(["sid=1; Domain=example.com; Secure"], "https://www.example.com/login")
 *   return yield* jar.cookieHeader("https://api.example.com/")
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: CookieJarOptions): Effect.Effect<CookieJarService> =>
  Effect.sync(() => fromJar(new Jar(resolve(options))))

/**
 * A layer with a new jar. Sessions that share the same layer value share its cookies.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: CookieJarOptions): Layer.Layer<CookieJar> => Layer.effect(CookieJar, make(options))

/**
 * Like `layer`, with options from Config. An invalid limit or origin is a `ConfigError`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<CookieJarOptions>
): Layer.Layer<CookieJar, ConfigError.ConfigError> =>
  Layer.effect(
    CookieJar,
    Effect.flatMap(Config.unwrap(config), (options) =>
      Either.map(
        Either.try({
          try: () => resolve(options),
          catch: (error) => ConfigError.InvalidData([], error instanceof Error ? error.message : "invalid options")
        }),
        (settings) => fromJar(new Jar(settings))
      )
    )
  )

/**
 * A jar that stores and sends nothing (aiohttp: `DummyCookieJar`).
 *
 * @since 0.1.0
 * @category layers
 */
export const layerDummy: Layer.Layer<CookieJar> = Layer.sync(CookieJar, () => fromJar(new Jar(disabled)))

/**
 * A jar that loads from a store and saves to it: each change within a second of Effect's Clock, and the rest when its
 * Scope closes. `key` defaults to "cookies".
 *
 * Several jars with the same options, in one process or many, can share a key. Each save merges the stored state into
 * the jar and writes the union; of each cookie the latest change wins, including removals. Stores have no transactions,
 * so one write may overwrite another. Each jar therefore checks the store after saving and repeats lost changes, unless
 * its process ends first. A jar sees the changes of others when it loads and saves. The last 3000 removals are
 * remembered.
 *
 * The saved text contains all values; store it where only its owner can read it. `KeyValueStore.layerFileSystem`
 * creates files with the mode of the umask.
 *
 * Fails with `CookieJarError` if the store contains something else under the key, and with the store's errors. A failed
 * save in the background logs a warning and is retried.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPersisted = (
  options?: CookieJarOptions & { readonly key?: string | undefined }
): Layer.Layer<CookieJar, CookieJarError | PlatformError, KeyValueStore.KeyValueStore> =>
  Layer.scoped(
    CookieJar,
    Effect.gen(function* () {
      const jar = new Jar(resolve(options))
      yield* persist(jar, yield* KeyValueStore.KeyValueStore, options?.key ?? "cookies")
      return fromJar(jar)
    })
  )

/**
 * Writes the jar to a file that only its owner can read (mode 0600). The file is replaced atomically, whatever mode the
 * old one had (aiohttp: `CookieJar.save`).
 *
 * @since 0.1.0
 * @category combinators
 */
export const save = (self: CookieJarService, path: string): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.flatMap(self.toJson, (json) => file.write(fs, path, JSON.stringify(json)))
  )

/**
 * Adds the cookies of a file written by `save`, like `fromJson`. A file that is not a saved jar, or is larger than 64
 * MiB, is a `CookieJarError` and changes nothing (aiohttp: `CookieJar.load`).
 *
 * @since 0.1.0
 * @category combinators
 */
export const load = (
  self: CookieJarService,
  path: string
): Effect.Effect<void, CookieJarError | PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    file.read(fs, path).pipe(Effect.flatMap(file.parse), Effect.flatMap(self.fromJson))
  )
