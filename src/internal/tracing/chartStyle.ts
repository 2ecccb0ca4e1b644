/** The names and colours of the phases in charts, and style sheets for light and dark screens. */
import type { Phase } from "../../Timeouts.js"

/** The phases in their order, each with a description. */
export const phaseNames: { readonly [P in Phase]: string } = {
  queue: "waiting for a slot of the pool",
  dns: "looking up the name",
  connect: "opening the connection",
  proxy: "asking the proxy for a tunnel",
  tls: "TLS handshake",
  send: "sending the request",
  headers: "waiting for the response",
  body: "receiving the body"
}

// The literal has no other keys than the phases.
export const phases = Object.keys(phaseNames) as ReadonlyArray<Phase>

interface Palette {
  readonly page: string
  readonly text: string
  readonly dim: string
  readonly line: string
  readonly row: string
  readonly good: string
  readonly moved: string
  readonly bad: string
  readonly phases: { readonly [P in Phase]: string }
}

const light: Palette = {
  page: "#ffffff",
  text: "#1c1f24",
  dim: "#626a76",
  line: "#dfe3e8",
  row: "#f4f6f8",
  good: "#1a7f43",
  moved: "#2463b8",
  bad: "#c02626",
  phases: {
    queue: "#9aa1ab",
    dns: "#0f8f83",
    connect: "#e58a13",
    proxy: "#96643a",
    tls: "#8a4fd0",
    send: "#2a4fc4",
    headers: "#39a352",
    body: "#3aa5e8"
  }
}

const dark: Palette = {
  page: "#15181d",
  text: "#e6e9ee",
  dim: "#99a2b0",
  line: "#2f353e",
  row: "#1d2128",
  good: "#5fd08a",
  moved: "#7fb2f5",
  bad: "#ff7d7d",
  phases: {
    queue: "#7b838f",
    dns: "#2fc4b5",
    connect: "#f5a742",
    proxy: "#c48f60",
    tls: "#b485f0",
    send: "#6c8cf5",
    headers: "#52c46d",
    body: "#62bdf5"
  }
}

const variables = ({ phases: colours, ...others }: Palette): string =>
  [...Object.entries(others), ...Object.entries(colours)].map(([name, colour]) => `--${name}:${colour}`).join(";")

/** Defines the colours as CSS variables of `selector`, for light and for dark screens. */
export const colourRules = (selector: string): string =>
  [
    `${selector}{color-scheme:light dark;${variables(light)}}`,
    `@media (prefers-color-scheme:dark){${selector}{${variables(dark)}}}`
  ].join("\n")
