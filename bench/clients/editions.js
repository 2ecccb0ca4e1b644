/** The editions for Effect 3 and Effect 4. */
import { everything } from "../../effect4/bench/everything.mjs"
import { decoder, ours } from "./effect.js"

export const clients = {
  "ours on Effect 3": () => ours(decoder),
  "ours on Effect 4": () => ours(decoder, { load: everything })
}
