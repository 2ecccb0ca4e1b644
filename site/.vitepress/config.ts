import { defineConfig } from "vitepress"
import { sidebar } from "../sidebar.js"
import { slugify } from "../slugify.js"

export default defineConfig({
  title: "effect-http-session",
  description: "An HTTP client for Effect programs",
  lang: "en",
  srcDir: "pages",
  outDir: "dist",
  cacheDir: "cache",
  // The pages also work from a folder that a plain file server serves, whose URLs end with .html.
  cleanUrls: false,
  head: [["link", { rel: "icon", type: "image/svg+xml", href: "/logo.svg" }]],
  lastUpdated: false,
  appearance: true,
  markdown: { lineNumbers: false, anchor: { slugify } },
  themeConfig: {
    logo: "/logo.svg",
    nav: [
      { text: "Start", link: "/start" },
      { text: "Recipes", link: "/recipes" },
      { text: "Errors", link: "/error-catalogue" },
      { text: "Reference", link: "/api/", activeMatch: "^/api/" }
    ],
    sidebar,
    outline: { level: [2, 3] },
    docFooter: { prev: "Previous", next: "Next" },
    // An index in the page: it asks no service.
    search: { provider: "local", options: { detailedView: true } }
  }
})
