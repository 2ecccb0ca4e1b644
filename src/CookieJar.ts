/**
 * Cookie jars by RFC 6265bis, for sessions and for other uses.
 *
 * A jar performs no I/O and uses Effect's Clock, and every operation is atomic. It rejects cookies that are malformed
 * or that their sender is not allowed to set; requests do not fail because of them. It sends values back byte for byte
 * as received.
 *
 * Rules in addition to the RFC's algorithms (aiohttp: `CookieJar`):
 *
 * - No cookies from or to IP addresses, unless `unsafe`.
 * - No cookies for a public suffix ("com", "co.uk", "github.io"), except host-only cookies of that very host.
 * - No Secure cookies from or to http, and no cookie from http that would shadow a Secure cookie, unless the origin is
 *   trustworthy: `localhost`, `*.localhost`, a loopback address or a `treatAsSecureOrigin`.
 * - Names starting with "__Host-" or "__Secure-", in any case, must satisfy the conditions of these prefixes.
 * - `SameSite=None` requires Secure. Otherwise SameSite and Partitioned are stored but have no effect, because a
 *   program is not a site.
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
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { CookiesInput, UrlInput } from "./ClientRequest.js"
import type { CookieJarError, InvalidURL } from "./Errors.js"
import { toDocument } from "./internal/cookies/document.js"
import * as file from "./internal/cookies/file.js"
import { Jar } from "./internal/cookies/jar.js"
import * as netscape from "./internal/cookies/netscape.js"
import { persist } from "./internal/cookies/persist.js"
import { fromJar } from "./internal/cookies/service.js"
import { disabled, resolve } from "./internal/cookies/settings.js"
import { invalidConfig } from "./internal/effect/configErrors.js"

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
  /** The name; empty for a nameless cookie, which only a jar with `nameless` stores. */
  readonly name: string
  /** The value as received: not decoded, with quotes. It is not printed, but `JSON.stringify` contains it. */
  readonly value: string
  /** The domain in lower-case A-labels, without a leading dot; "" for a shared cookie, which is sent to every host. */
  readonly domain: string
  /** Whether the cookie is not sent to subdomains. */
  readonly hostOnly: boolean
  readonly path: string
  /** Whether the cookie is sent only over https or to a trustworthy origin. */
  readonly secure: boolean
  /** Whether scripts in a browser must not read the cookie. Has no effect on requests of a program. */
  readonly httpOnly: boolean
  /** The SameSite attribute; None if absent or unknown. Has no effect, because a program is not a site. */
  readonly sameSite: Option.Option<"strict" | "lax" | "none">
  /** Whether the cookie has the Partitioned attribute. Has no effect, because a program is not a site. */
  readonly partitioned: boolean
  /**
   * The expiry, at most 400 days after the cookie was set. None for a session cookie, which lasts as long as the jar or
   * its saved form.
   */
  readonly expires: Option.Option<DateTime.Utc>
  /** When a cookie with this name, domain and path was first set. */
  readonly created: DateTime.Utc
}

/**
 * A cookie for a program to store in a jar, with all attributes. A `Cookie` of a jar is a valid input.
 *
 * @since 0.1.0
 * @category models
 */
export interface CookieInput {
  readonly name: string
  /** The value, which is sent as UTF-8, byte for byte. */
  readonly value: string
  /** The domain, with or without a leading dot. "" makes the cookie shared: it is sent to every host. */
  readonly domain: string
  /**
   * Whether the cookie is not sent to subdomains. Default `false`; always `true` for IP addresses and public suffixes.
   */
  readonly hostOnly?: boolean | undefined
  /** The cookie is sent to this path and all paths below it. Default "/". */
  readonly path?: string | undefined
  /**
   * Whether the cookie is sent only over https or to a trustworthy origin. Default `false`, and `true` for names that
   * start with "__Host-" or "__Secure-".
   */
  readonly secure?: boolean | undefined
  /** See `Cookie.httpOnly`. Default `false`. */
  readonly httpOnly?: boolean | undefined
  /** See `Cookie.sameSite`. Default: no attribute. */
  readonly sameSite?: "strict" | "lax" | "none" | Cookie["sameSite"] | undefined
  /** See `Cookie.partitioned`. Default `false`. */
  readonly partitioned?: boolean | undefined
  /**
   * The expiry, limited to 400 days from now. A time in the past removes the cookie. Default: a session cookie, which
   * lasts as long as the jar or its saved form.
   */
  readonly expires?: Date | DateTime.Utc | Cookie["expires"] | undefined
}

/**
 * Why a jar does not store a cookie (RFC 6265bis section 5.7):
 *
 * - `Malformed`: the cookie contains a control character, or has neither a name nor a value.
 * - `TooLarge`: name and value have more than 4096 octets.
 * - `TooMany`: the cookie is not among the first 50 Set-Cookie lines of its response.
 * - `Nameless`: the cookie has no name, and the jar is not `nameless`.
 * - `Address`: the cookie is from or for an IP address, and the jar is not `unsafe`.
 * - `Domain`: the host is neither the Domain attribute nor a subdomain of it.
 * - `PublicSuffix`: the Domain attribute is a public suffix such as "com" or "github.io".
 * - `Insecure`: the cookie is Secure, but its origin is neither https nor trustworthy.
 * - `SameSite`: the cookie is `SameSite=None` but not Secure.
 * - `Shadow`: the cookie arrives over http and would shadow a Secure cookie of the same name.
 * - `Prefix`: the attributes do not satisfy the prefix "__Host-" or "__Secure-" of the name.
 *
 * @since 0.1.0
 * @category models
 */
export type CookieRejection =
  | "Malformed"
  | "TooLarge"
  | "TooMany"
  | "Nameless"
  | "Address"
  | "Domain"
  | "PublicSuffix"
  | "Insecure"
  | "SameSite"
  | "Shadow"
  | "Prefix"

/**
 * The rules and limits of a jar.
 *
 * @since 0.1.0
 * @category models
 */
export interface CookieJarOptions {
  /**
   * Accepts cookies from IP addresses and sends cookies to them, for example for tests against 127.0.0.1. Shared
   * cookies are always sent to IP addresses. Default `false` (aiohttp: `unsafe`).
   */
  readonly unsafe?: boolean | undefined
  /**
   * Quotes values that are not tokens, with octal escapes like aiohttp; a value received in quotes is unchanged. With
   * `false`, values are sent byte for byte. Default `false` (aiohttp: `quote_cookie`, default `True`).
   */
  readonly quoteCookie?: boolean | undefined
  /**
   * Stores nameless cookies, such as `Set-Cookie: token`, and sends them as `token`, like RFC 6265bis and browsers.
   * With `false` the jar drops them, like RFC 6265 and aiohttp. Default `false`.
   */
  readonly nameless?: boolean | undefined
  /**
   * Origins with http that may set and get Secure cookies, such as "http://dev.internal:3000". `localhost`,
   * `*.localhost` and, with `unsafe`, loopback addresses always may. Default none (aiohttp: `treat_as_secure_origin`).
   */
  readonly treatAsSecureOrigin?: string | ReadonlyArray<string> | undefined
  /** Maximum number of cookies in the jar; the least recently used are evicted. 0 stores nothing. Default 3000. */
  readonly maxCookies?: number | undefined
  /**
   * Maximum number of cookies of one exact domain. Cookies that are not Secure are evicted first, then the least
   * recently used. Default 180.
   */
  readonly maxCookiesPerDomain?: number | undefined
}

/**
 * The operations of a jar. They perform no I/O, because a persisted jar saves in the background and when its Scope
 * closes. Each operation is atomic.
 *
 * URLs are parsed by the URL standard. A URL without a host, or with a scheme other than http, https, ws and wss, fails
 * with `InvalidURL`.
 *
 * @since 0.1.0
 * @category models
 */
export interface CookieJarService {
  readonly [TypeId]: TypeId
  /**
   * Stores the Set-Cookie lines of one response from `url`, at most 50. Drops lines that are malformed or not allowed
   * (RFC 6265bis sections 5.6 and 5.7; aiohttp: `update_cookies_from_headers`).
   * For requests of a session, the `CookieRejected` signal reports each dropped cookie and the reason.
   */
  readonly setCookies: (lines: Iterable<string>, url: UrlInput) => Effect.Effect<void, InvalidURL>
  /**
   * Stores cookies for the host of `url` with path "/"; without a URL, for every host. Cookies of @effect/platform keep
   * their attributes and `valueEncoded`. Drops cookies that would break a Cookie header, such as a value with ";"
   * (aiohttp: `update_cookies`).
   */
  readonly updateCookies: (cookies: CookiesInput | Cookies.Cookies, url?: UrlInput) => Effect.Effect<void, InvalidURL>
  /**
   * Stores one cookie with all its attributes, and replaces a cookie with the same name, domain and path. Fails with
   * `CookieJarError`, reason "Rejected", if the rules or options of the jar do not allow the cookie. `layerDummy`,
   * which stores nothing, ignores it.
   */
  readonly set: (cookie: CookieInput) => Effect.Effect<void, CookieJarError>
  /**
   * The cookies that a request to `url` would send, in sending order: longer paths first, then older cookies. Two
   * cookies may have the same name (RFC 6265bis section 5.8.3; aiohttp: `filter_cookies`). The jar counts this as a use
   * of the cookies.
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
   * The jar as a JSON value, with session cookies and all values, which makes it a secret. Characters beyond ASCII
   * appear as one character per octet.
   */
  readonly toJson: Effect.Effect<unknown>
  /**
   * Adds saved cookies from the output of `toJson` or from the JSON of tough-cookie 4 and 5. They replace cookies with
   * the same name, domain and path. Skips cookies that have expired or that the jar's options do not allow. Fails with
   * `CookieJarError` for other input, and then leaves the jar unchanged.
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
 * A layer with a new jar. Sessions on the same layer value share its cookies.
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
export const layerConfig = (config: Config.Config.Wrap<CookieJarOptions>): Layer.Layer<CookieJar, ConfigError> =>
  Layer.effect(
    CookieJar,
    Effect.flatMap(Config.unwrap(config), (options) =>
      Effect.map(
        Effect.try({
          try: () => resolve(options),
          catch: (error) => invalidConfig([], error instanceof Error ? error.message : "invalid options")
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
 * A jar that loads from a store and saves to it: each change within a second of Effect's Clock, and the last changes
 * when its Scope closes. `key` defaults to "cookies".
 *
 * Several jars with the same options, in one process or in several, can share a key. Each save merges the stored state
 * into the jar and writes the union, in which the latest change of each cookie wins, including removals; a jar
 * therefore sees the changes of others when it loads and saves. Because stores have no transactions, one write may
 * overwrite another: each jar checks the store after saving and repeats lost changes, unless its process ends first.
 * The jar remembers the last 3000 removals.
 *
 * The saved text contains all values, so that only its owner should be able to read it. The umask decides the mode of
 * files that `KeyValueStore.layerFileSystem` creates; `layerFile` always uses 0600.
 *
 * Fails with `CookieJarError` if the value of the key is not a saved jar, and with the errors of the store. If a save
 * in the background fails, the jar logs a warning and saves again later.
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
 * A jar like that of `layerPersisted`, in a file that only its owner can read (mode 0600, regardless of the umask).
 * Each save replaces the file atomically. The file may be missing, but its directory must exist. The first load also
 * accepts the JSON of tough-cookie.
 *
 * Fails with `CookieJarError` if the file is not a saved jar or is larger than 64 MiB, and with the errors of the file
 * system.
 *
 * ```ts
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Connector, CookieJar, Session } from "effect-http-session"
 * import { Layer } from "effect"
 *
 * export const Live = Session.layerWithoutDependencies().pipe(
 *   Layer.provide([Connector.layerTcp(), CookieJar.layerFile("cookies.json")]),
 *   Layer.provide(NodeFileSystem.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFile = (
  path: string,
  options?: CookieJarOptions
): Layer.Layer<CookieJar, CookieJarError | PlatformError, FileSystem.FileSystem> =>
  Layer.scoped(
    CookieJar,
    Effect.gen(function* () {
      const jar = new Jar(resolve(options))
      yield* persist(jar, file.store(yield* FileSystem.FileSystem), path)
      return fromJar(jar)
    })
  )

/**
 * Writes the jar to a file that only its owner can read (mode 0600), also if the old file had another mode. Replaces
 * the file atomically (aiohttp: `CookieJar.save`).
 *
 * @since 0.1.0
 * @category combinators
 */
export const save = (self: CookieJarService, path: string): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.flatMap(self.toJson, (json) => file.write(fs, path, JSON.stringify(json)))
  )

/**
 * Adds the cookies of a file that `save` wrote, or of the JSON of tough-cookie, like `fromJson`. A file that is not a
 * saved jar, or is larger than 64 MiB, fails with `CookieJarError` and leaves the jar unchanged (aiohttp:
 * `CookieJar.load`).
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

/**
 * Adds the cookies of a Netscape `cookies.txt`, as curl, wget, yt-dlp and browser extensions write it. They replace
 * cookies with the same name, domain and path. Each line has seven fields separated by tabs; the prefix `#HttpOnly_`
 * marks an HttpOnly cookie, and an expiry of 0 or "" a session cookie. Skips comments, empty lines, and cookies that
 * the jar's options do not allow. The header line is optional.
 *
 * Any other line fails with a `CookieJarError` that contains the line number. A text of more than 64 Mi characters or
 * 100 000 cookies fails too. The jar is then unchanged.
 *
 * ```ts
 * import { FileSystem } from "@effect/platform"
 * import { CookieJar } from "effect-http-session"
 * import { Effect } from "effect"
 *
 * export const imported = Effect.gen(function* () {
 *   const fs = yield* FileSystem.FileSystem
 *   const jar = yield* CookieJar.make()
 *   yield* CookieJar.fromNetscape(jar, yield* fs.readFileString("cookies.txt"))
 *   return jar
 * })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const fromNetscape = (self: CookieJarService, text: string): Effect.Effect<void, CookieJarError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.flatMap(netscape.parse(text, now), (cookies) => self.fromJson(toDocument(cookies)))
  )

/**
 * Converts the jar to a Netscape `cookies.txt`, for programs such as curl (`--cookie`) and wget (`--load-cookies`). The
 * text contains all values; treat it as a secret. The format does not store SameSite, Partitioned and creation times, and
 * rounds expiries up to seconds. Shared cookies, and cookies with a tab in name or path, are omitted.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toNetscape = (self: CookieJarService): Effect.Effect<string> => Effect.map(self.entries, netscape.render)
