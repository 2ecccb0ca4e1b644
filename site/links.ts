/** Links of a built site, whose targets must exist: files, and elements by their id. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"

const filesOf = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.join(entry.parentPath, entry.name).slice(folder.length))

const idsOf = (html: string): ReadonlySet<string> =>
  new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id = ""]) => id))

const linksOf = (html: string): ReadonlyArray<string> =>
  [...html.matchAll(/\s(?:href|src)="([^"]+)"/g)].map(([, target = ""]) => target.replaceAll("&amp;", "&"))

/** Sites of others that pages link to are not requested; everything that a page loads must come from the site itself. */
const loadedFromElsewhere = (html: string): ReadonlyArray<string> =>
  [...html.matchAll(/<(?:script|link|img|iframe)\b[^>]*\s(?:src|href)="(https?:[^"]+)"/g)].map(([, url = ""]) => url)

/** One line for each link without a target, and for each resource that another site would have to serve. */
export const brokenLinks = (folder: string): ReadonlyArray<string> => {
  const files = new Set(filesOf(folder))
  const html = new Map(
    [...files].filter((path) => path.endsWith(".html")).map((path) => [path, readFileSync(join(folder, path), "utf8")])
  )
  const ids = new Map([...html].map(([path, text]) => [path, idsOf(text)]))
  const problemOf = (page: string, target: string): string | undefined => {
    if (/^(?:[a-z]+:|\/\/)/.test(target)) return undefined
    const [path = "", fragment = ""] = target.split("#")
    const joined = path === "" ? page : path.startsWith("/") ? path : posix.join(dirname(page), path)
    const file = decodeURIComponent(joined.endsWith("/") ? `${joined}index.html` : joined)
    if (!files.has(file)) return `${page} links to ${target}: expected a file ${file}`
    if (fragment === "" || ids.get(file)?.has(decodeURIComponent(fragment))) return undefined
    return `${page} links to ${target}: expected an element with this id in ${file}`
  }
  return [...html].flatMap(([page, text]) => [
    ...new Set([
      ...linksOf(text).flatMap((target) => problemOf(page, target) ?? []),
      ...loadedFromElsewhere(text).map((url) => `${page} loads ${url} from another site`)
    ])
  ])
}
