/** Folders of the site. */
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const site = dirname(fileURLToPath(import.meta.url))
export const root = join(site, "..")

/** The Markdown that VitePress renders: copies of the repository's pages, the programs, and the API reference. */
export const pages = join(site, "pages")

/** The built site. */
export const dist = join(site, "dist")
