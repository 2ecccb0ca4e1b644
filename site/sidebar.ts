/** The navigation: the groups and pages of docs/index.md in their order, then the modules and the programs. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { pages, root } from "./project.js"

export interface SidebarItem {
  readonly text: string
  readonly link: string
}

/** The groups of the index: a heading of the second level, and the link that begins each row of its table. */
export const groupsOf = (index: string): ReadonlyArray<readonly [title: string, items: ReadonlyArray<SidebarItem>]> =>
  index
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const title = section.slice(0, section.indexOf("\n"))
      const rows = [...section.matchAll(/^\| \[([^\]]+)\]\(([^)#]+)\.md\)/gm)]
      return [title, rows.map(([, text = "", link = ""]) => ({ text, link: `/${link.replace("../", "")}` }))]
    })

const itemsOf = (folder: string): Array<SidebarItem> =>
  (existsSync(join(pages, folder)) ? readdirSync(join(pages, folder)) : [])
    .filter((name) => name.endsWith(".md") && name !== "index.md")
    .map((name) => name.slice(0, -".md".length))
    .sort()
    .map((name) => ({ text: name, link: `/${folder}/${name}` }))

export const sidebar = [
  ...groupsOf(readFileSync(join(root, "docs/index.md"), "utf8")).map(([text, items]) => {
    const [only, ...others] = items
    return only !== undefined && others.length === 0
      ? { text, link: only.link }
      : { text, collapsed: false, items: [...items] }
  }),
  { text: "Modules", link: "/api/", collapsed: true, items: itemsOf("api") },
  { text: "Programs", link: "/examples/", collapsed: true, items: itemsOf("examples") }
]
