/** Effect 4 has no module for it. */
export * as FastCheck from "fast-check"
