/** Errors of files as tests make and read them. */
export { reasonOf, systemError } from "../../../src/internal/effect/fileErrors.js"
