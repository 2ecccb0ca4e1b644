/**
 * Cookies by RFC 6265bis.
 */
import type * as Cookies from "@effect/platform/Cookies"
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import type { KeyValueStore } from "@effect/platform/KeyValueStore"
import type * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { CookiesInput, UrlInput } from "./ClientRequest.js"
import type { CookieJarError, InvalidURL } from "./Errors.js"

/** A stored cookie. */
export interface Cookie {
  readonly name: string
  /** Byte for byte as received. */
  readonly value: string
  /** Without a leading dot; "" is a shared cookie, sent to every host. */
  readonly domain: string
  readonly hostOnly: boolean
  readonly path: string
  readonly secure: boolean
  readonly httpOnly: boolean
  readonly sameSite: Option.Option<"strict" | "lax" | "none">
  readonly partitioned: boolean
  /** None: until the session ends. */
  readonly expires: Option.Option<DateTime.Utc>
  readonly created: DateTime.Utc
}

export interface CookieJarOptions {
  /** Takes cookies from and sends them to IP addresses. Default `false`. */
  readonly unsafe?: boolean | undefined
  /** Quotes values that are no tokens, as aiohttp does. Default `false`: byte for byte. */
  readonly quoteCookie?: boolean | undefined
  /** Origins that count as https for Secure cookies, such as "http://localhost:3000". */
  readonly treatAsSecureOrigin?: string | ReadonlyArray<string> | undefined
  /** Default 3000, and 180 for one domain; the least recently used goes first. */
  readonly maxCookies?: number | undefined
  readonly maxCookiesPerDomain?: number | undefined
}

export declare const TypeId: TypeId
export type TypeId = "~effect-http-session/CookieJar"

/** A jar. Nothing in it does I/O: a persisted jar saves in the background and when its Scope closes. */
export interface CookieJarService {
  readonly [TypeId]: TypeId
  /** Stores Set-Cookie lines of a response from `url`; a line that is malformed or not allowed is dropped. */
  readonly setCookies: (lines: Iterable<string>, url: UrlInput) => Effect.Effect<void, InvalidURL>
  /** Stores cookies by name, for the host of `url`, or for every host. */
  readonly updateCookies: (cookies: CookiesInput | Cookies.Cookies, url?: UrlInput) => Effect.Effect<void, InvalidURL>
  /** What a request to `url` would send, in that order; two of one name are both there. */
  readonly filterCookies: (url: UrlInput) => Effect.Effect<ReadonlyArray<Cookie>, InvalidURL>
  /** The same as a header's value. */
  readonly cookieHeader: (url: UrlInput) => Effect.Effect<Option.Option<string>, InvalidURL>
  /** Removes all cookies, or those for which `predicate` is true. */
  readonly clear: (predicate?: (cookie: Cookie) => boolean) => Effect.Effect<void>
  /** Removes those of a domain and its subdomains. */
  readonly clearDomain: (domain: string) => Effect.Effect<void>
  /** All that have not expired. */
  readonly entries: Effect.Effect<ReadonlyArray<Cookie>>
  readonly size: Effect.Effect<number>
  /** The jar as a JSON value. Values are in it: treat it as a secret. */
  readonly toJson: Effect.Effect<unknown>
  /** Adds saved cookies that have not expired; changes nothing where it fails. */
  readonly fromJson: (json: unknown) => Effect.Effect<void, CookieJarError>
}

/** The jar of a session. */
export declare class CookieJar extends Context.Tag("effect-http-session/CookieJar")<CookieJar, CookieJarService>() {}

/** An empty jar, strict unless told otherwise. */
export declare const make: (options?: CookieJarOptions) => Effect.Effect<CookieJarService>

/** Each call makes a jar of its own: sessions given one and the same layer value share their cookies. */
export declare const layer: (options?: CookieJarOptions) => Layer.Layer<CookieJar>

export declare const layerConfig: (config: Config.Config.Wrap<CookieJarOptions>) => Layer.Layer<CookieJar, ConfigError>

/** Stores and sends nothing (aiohttp: `DummyCookieJar`). */
export declare const layerDummy: Layer.Layer<CookieJar>

/** Loads from a store, and saves to it: each change within a second, and at the end. Default `key` "cookies". */
export declare const layerPersisted: (
  options?: CookieJarOptions & { readonly key?: string | undefined }
) => Layer.Layer<CookieJar, CookieJarError | PlatformError, KeyValueStore>

/** Writes the jar to a file that only its owner can read, whole or not at all. */
export declare const save: (self: CookieJarService, path: string) => Effect.Effect<void, PlatformError, FileSystem>

/** Adds the cookies of a file written by `save`. */
export declare const load: (
  self: CookieJarService,
  path: string
) => Effect.Effect<void, CookieJarError | PlatformError, FileSystem>
