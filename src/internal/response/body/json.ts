/** Parses the JSON of bodies and messages. */
import { ContentTypeError, JsonDecodeError } from "../../../Errors.js"
import { JsonText } from "../../errors/jsonText.js"

export type { TextSource } from "../../errors/jsonText.js"

export const json = new JsonText({ ContentTypeError, JsonDecodeError })
