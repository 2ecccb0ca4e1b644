/**
 * Cookies by RFC 6265bis: the jar of a session, and jars of one's own.
 *
 * A jar is plain data behind a few Effects: nothing in it does I/O or waits, its time is Effect's Clock, and concurrent
 * updates lose nothing. It keeps cookies that are malformed, or not their sender's to set, out, and the session's
 * requests never fail for them. Values go back byte for byte as they came.
 *
 * What it takes and sends, beside the RFC's algorithms (aiohttp: `CookieJar`):
 *
 * - no cookie from or to an IP address, unless `unsafe`;
 * - no cookie for a public suffix ("com", "co.uk", "github.io"): of its own host alone, if that is the suffix;
 * - no Secure cookie from or to http, and none that hides one that https has set, unless the origin is trustworthy:
 *   `localhost`, `*.localhost`, loopback addresses and `treatAsSecureOrigin`;
 * - names that begin with "__Host-" or "__Secure-", in any case, only as these promise;
 * - no `SameSite=None` without Secure; else SameSite and Partitioned are kept and shown, and restrict nothing, since
 *   a program has no site of its own;
 * - at most 4096 octets of name and value, 1024 of an attribute, 400 days of life, 50 Set-Cookie lines of a response,
 *   180 cookies of a domain, 3000 in all, and 8190 octets of a Cookie header;
 * - no cookie without a name, unless `nameless`.
 *
 * @since 0.1.0
 */
import type * as Cookies from "@effect/platform/Cookies"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Clock from "effect/Clock"
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
import { toDocument } from "./internal/cookies/document.js"
import * as file from "./internal/cookies/file.js"
import { Jar } from "./internal/cookies/jar.js"
import * as netscape from "./internal/cookies/netscape.js"
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
 * A stored cookie, as text. Once given out it does not change.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cookie {
  /** Empty for a cookie without a name, which only a jar with `nameless` keeps. */
  readonly name: string
  /** Byte for byte as received: not decoded, quotes included. Left out where the cookie is printed, but in its JSON. */
  readonly value: string
  /** Without a leading dot, in lower-case A-labels; "" is a shared cookie, sent to every host. */
  readonly domain: string
  /** Whether subdomains do not get it. */
  readonly hostOnly: boolean
  readonly path: string
  /** Sent over https only, or to a `treatAsSecureOrigin`. */
  readonly secure: boolean
  /** Kept for the record: every request of a program is one that HttpOnly allows. */
  readonly httpOnly: boolean
  /** Kept for the record. None: not said, or not known. */
  readonly sameSite: Option.Option<"strict" | "lax" | "none">
  /** Kept for the record. */
  readonly partitioned: boolean
  /** At most 400 days from when it was set. None: until the session ends, or for as long as it is saved. */
  readonly expires: Option.Option<DateTime.Utc>
  /** When a cookie of this name, domain and path was first set. */
  readonly created: DateTime.Utc
}

/**
 * A cookie that a program puts into a jar, with all its attributes. A `Cookie` of a jar is one.
 *
 * @since 0.1.0
 * @category models
 */
export interface CookieInput {
  readonly name: string
  /** Sent byte for byte, text as UTF-8. */
  readonly value: string
  /** With or without a leading dot; "" is a shared cookie, sent to every host. */
  readonly domain: string
  /** Whether subdomains do not get it. Default `false`; an IP address or a public suffix is its own host only. */
  readonly hostOnly?: boolean | undefined
  /** Default "/". */
  readonly path?: string | undefined
  /** Sent over https only, or to a trustworthy origin. Default `true` for names that begin with "__Host-" or "__Secure-". */
  readonly secure?: boolean | undefined
  /** Default `false`. */
  readonly httpOnly?: boolean | undefined
  /** Default none. */
  readonly sameSite?: "strict" | "lax" | "none" | Cookie["sameSite"] | undefined
  /** Default `false`. */
  readonly partitioned?: boolean | undefined
  /** At most 400 days from now; in the past it removes the cookie. Default none: until the session ends. */
  readonly expires?: Date | DateTime.Utc | Cookie["expires"] | undefined
}

/**
 * Why a jar does not store a cookie (RFC 6265bis section 5.7):
 *
 * - `Malformed`: a control character, or neither name nor value;
 * - `TooLarge`: more than 4096 octets of name and value;
 * - `TooMany`: beyond the first 50 Set-Cookie lines of a response;
 * - `Nameless`: no name, in a jar without `nameless`;
 * - `Address`: from or for an IP address, in a jar without `unsafe`;
 * - `Domain`: the host is neither the Domain attribute's nor below it;
 * - `PublicSuffix`: the Domain attribute is a public suffix such as "com" or "github.io";
 * - `Insecure`: Secure, from an origin that is neither https nor trustworthy;
 * - `SameSite`: `SameSite=None` without Secure;
 * - `Shadow`: http would hide a Secure cookie of the same name;
 * - `Prefix`: a name that begins with "__Host-" or "__Secure-", and attributes that do not keep its promise.
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
 * How strict a jar is, and how much it holds.
 *
 * @since 0.1.0
 * @category models
 */
export interface CookieJarOptions {
  /**
   * Takes cookies from and sends them to IP addresses, as tests against 127.0.0.1 need. Shared cookies go there in any
   * case. Default `false` (aiohttp: `unsafe`).
   */
  readonly unsafe?: boolean | undefined
  /**
   * Quotes values that are no tokens, with octal escapes, as aiohttp does; a value received in quotes stays as it is.
   * Default `false`: byte for byte (aiohttp: `quote_cookie`, default `True`).
   */
  readonly quoteCookie?: boolean | undefined
  /**
   * Keeps cookies without a name, such as `Set-Cookie: token`, and sends them as `token`, as RFC 6265bis and browsers
   * have it. Default `false`: dropped, as in RFC 6265 and aiohttp.
   */
  readonly nameless?: boolean | undefined
  /**
   * Origins that count as https for Secure cookies, such as "http://dev.internal:3000": scheme, host and port. Those of
   * `localhost`, `*.localhost` and, with `unsafe`, loopback addresses count in any case. Default none (aiohttp:
   * `treat_as_secure_origin`).
   */
  readonly treatAsSecureOrigin?: string | ReadonlyArray<string> | undefined
  /** Default 3000; 0 stores nothing. The least recently used goes first. */
  readonly maxCookies?: number | undefined
  /** Default 180, for one domain exactly; cookies that are not Secure go first, then the least recently used. */
  readonly maxCookiesPerDomain?: number | undefined
}

/**
 * A jar. Nothing in it does I/O: a persisted jar saves in the background and when its Scope closes. Each member is one
 * step that nothing can come between.
 *
 * URLs are parsed as the URL standard says; one without a host, or with a scheme that is not http, https, ws or wss, is
 * an `InvalidURL`.
 *
 * @since 0.1.0
 * @category models
 */
export interface CookieJarService {
  readonly [TypeId]: TypeId
  /**
   * Stores Set-Cookie lines of one response from `url`, the first 50 of them; a line that is malformed or not allowed
   * is dropped, and the others are kept (RFC 6265bis sections 5.6 and 5.7; aiohttp: `update_cookies_from_headers`).
   * Of a session's own requests, the `CookieRejected` signal tells which and why.
   */
  readonly setCookies: (lines: Iterable<string>, url: UrlInput) => Effect.Effect<void, InvalidURL>
  /**
   * Stores cookies by name, for the host of `url` and all its paths, or without a URL for every host. Attributes of
   * @effect/platform's cookies are heeded, and their `valueEncoded` is the value. What would break out of a Cookie
   * header, such as a value with ";", is dropped (aiohttp: `update_cookies`).
   */
  readonly updateCookies: (cookies: CookiesInput | Cookies.Cookies, url?: UrlInput) => Effect.Effect<void, InvalidURL>
  /**
   * Stores one cookie with all its attributes, over the jar's own of the same name, domain and path. Fails with
   * `CookieJarError`, reason "Rejected", where the jar's rules or options do not allow it; a jar that stores nothing
   * ignores it.
   */
  readonly set: (cookie: CookieInput) => Effect.Effect<void, CookieJarError>
  /**
   * What a request to `url` would send, in that order: longer paths first, then earlier cookies; two of one name are
   * both there (RFC 6265bis section 5.8.3; aiohttp: `filter_cookies`). Counts as use for the limits.
   */
  readonly filterCookies: (url: UrlInput) => Effect.Effect<ReadonlyArray<Cookie>, InvalidURL>
  /** The same as a header's value. */
  readonly cookieHeader: (url: UrlInput) => Effect.Effect<Option.Option<string>, InvalidURL>
  /** Removes all cookies, or those for which `predicate` is true. */
  readonly clear: (predicate?: (cookie: Cookie) => boolean) => Effect.Effect<void>
  /** Removes those of a domain and its subdomains; of "" the shared ones. */
  readonly clearDomain: (domain: string) => Effect.Effect<void>
  /** All that have not expired, earliest first. */
  readonly entries: Effect.Effect<ReadonlyArray<Cookie>>
  /** How many have not expired. */
  readonly size: Effect.Effect<number>
  /**
   * The jar as a JSON value, session cookies included. Values are in it: treat it as a secret. Characters beyond ASCII
   * stand there as one for each octet.
   */
  readonly toJson: Effect.Effect<unknown>
  /**
   * Adds saved cookies that have not expired, over the jar's of the same name, domain and path; what the jar's options
   * do not allow is left out. Reads what `toJson` gives, and what a jar of tough-cookie (4 or 5) serializes to. Fails
   * with `CookieJarError`, and then has changed nothing.
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
 * An empty jar, strict unless told otherwise (aiohttp: `CookieJar`). A limit or an origin that cannot be right is a
 * defect.
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
 * A jar as a layer. Each call makes a jar of its own: sessions given one and the same layer value share their cookies.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: CookieJarOptions): Layer.Layer<CookieJar> => Layer.effect(CookieJar, make(options))

/**
 * The same with options from Config. A limit or an origin that cannot be right is a `ConfigError`.
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
 * Stores and sends nothing (aiohttp: `DummyCookieJar`).
 *
 * @since 0.1.0
 * @category layers
 */
export const layerDummy: Layer.Layer<CookieJar> = Layer.sync(CookieJar, () => fromJar(new Jar(disabled)))

/**
 * A jar that loads from a store, and saves to it: each change within a second of Effect's Clock, and what is left when
 * its Scope closes. Default `key` "cookies".
 *
 * Several jars, in one process or in many, can share a key, if they have the same options: every save merges what is
 * there with what the jar knows, and of each cookie the latest change wins, be it a removal. A store has no
 * transactions, so a write can overtake another one; each jar looks after its saves and repeats what got lost, unless
 * its process ends before. A jar sees the changes of others when it loads and when it saves. The last 3000 removals are
 * remembered.
 *
 * The saved text holds every value: keep it where only its owner can read it. `KeyValueStore.layerFileSystem` leaves
 * the mode of its files to the umask; `layerFile` does not.
 *
 * Fails with `CookieJarError` where the store holds something else under that key, and with the store's errors. Saving
 * in the background logs a warning instead, and is tried again.
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
 * The same in a file that only its owner can read (mode 0600), whatever the umask: each save replaces the file, whole or
 * not at all. The file need not exist, its directory must. The first load also reads a file of tough-cookie's JSON.
 *
 * Fails with `CookieJarError` where the file is something else or larger than 64 MiB, and with the file system's errors.
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
 * Writes the jar to a file that only its owner can read (mode 0600), whole or not at all: a new file takes the place of
 * the old one, whatever that one's mode was (aiohttp: `CookieJar.save`).
 *
 * @since 0.1.0
 * @category combinators
 */
export const save = (self: CookieJarService, path: string): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.flatMap(self.toJson, (json) => file.write(fs, path, JSON.stringify(json)))
  )

/**
 * Adds the cookies of a file written by `save`, or of tough-cookie's JSON, as `fromJson` does. A file that is not a jar's, or that is larger than
 * 64 MiB, is a `CookieJarError` and changes nothing (aiohttp: `CookieJar.load`).
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
 * Adds the cookies of a Netscape `cookies.txt`, as curl, wget, yt-dlp and browser extensions write it, over the jar's of
 * the same name, domain and path: seven fields separated by tabs, HttpOnly by the prefix `#HttpOnly_`, an expiry of 0 or
 * nothing for a session cookie. Comments and empty lines are skipped, the header line is not demanded, and what the jar's
 * options do not allow is left out.
 *
 * A line that is something else is a `CookieJarError` with its number, and then nothing has changed. A text of more than
 * 64 Mi characters or 100 000 cookies is a `CookieJarError` too.
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
 * The jar as a Netscape `cookies.txt`, for curl (`--cookie`), wget (`--load-cookies`) and their like. Values are in it:
 * treat it as a secret. The format has no SameSite, Partitioned and creation time, times are whole seconds, and a
 * shared cookie, or one whose name or path has a tab, has no line.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toNetscape = (self: CookieJarService): Effect.Effect<string> => Effect.map(self.entries, netscape.render)
