/**
 * The lists and blocks of http2jp/hpack-test-case, if the directory exists.
 */
import { existsSync, readFileSync } from "node:fs"

/** A block in base64, alone or with the SETTINGS_HEADER_TABLE_SIZE that was acknowledged before it. */
export type Wire = string | readonly [block: string, tableSize: number | null]

export interface Stories {
  /** Lists of each story: name, value, name, value. */
  readonly headers: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>>
  /** Blocks by encoder and story. */
  readonly wires: Readonly<Record<string, Readonly<Record<string, ReadonlyArray<Wire>>>>>
}

const url = new URL("../../../shared/suites/hpack-stories.json", import.meta.url)

export const hasStories: boolean = existsSync(url)

export const stories: Stories = hasStories ? JSON.parse(readFileSync(url, "utf8")) : { headers: {}, wires: {} }

/** Fields that a server of HTTP/2 takes in a request, in place of those of responses and of HTTP/1.1. */
export const asRequest = (list: ReadonlyArray<string>): ReadonlyArray<string> => {
  const out = [":method", "GET", ":scheme", "http", ":authority", "www.example.com", ":path", "/"]
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index].replace(/^:/, "x-").replace(/^(connection|keep-alive|transfer-encoding|te|host)$/, "x-$1")
    out.push(name === "content-length" ? "x-length" : name, list[index + 1])
  }
  return out
}
