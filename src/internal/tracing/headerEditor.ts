/** Lets listeners edit the headers of a request before it starts. */

import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { HeaderValue } from "../../ClientRequest.js"
import type { HeaderEditor } from "../../Tracing.js"
import type { Pair, Pairs } from "../http/headerFields.js"
import { showAs } from "../inspection.js"
import type { PreparedRequest } from "../request/preparedRequest.js"

type Edit = (pairs: Pairs, secret: Set<string>) => Pairs

/** Records edits until the request is sent. Later edits have no effect. */
export class Editor implements HeaderEditor {
  static {
    showAs(Editor, "HeaderEditor")
  }

  private edits: Array<Edit> | undefined = []

  readonly set = (name: string, value: HeaderValue): Effect.Effect<void> =>
    this.add((pairs, secret) => {
      const lower = name.toLowerCase()
      if (Redacted.isRedacted(value)) secret.add(lower)
      const pair: Pair = [name, Redacted.isRedacted(value) ? Redacted.value(value) : value]
      return [...without(pairs, lower), pair]
    })

  readonly remove = (name: string): Effect.Effect<void> => this.add((pairs) => without(pairs, name.toLowerCase()))

  private add(edit: Edit): Effect.Effect<void> {
    return Effect.sync(() => {
      this.edits?.push(edit)
    })
  }

  /** The request with all edits. An invalid header fails the request when its head is written. */
  close(request: PreparedRequest): PreparedRequest {
    const edits = this.edits ?? []
    this.edits = undefined
    if (edits.length === 0) return request
    const secret = new Set(request.fields.secret)
    let { pairs } = request.fields
    for (const edit of edits) pairs = edit(pairs, secret)
    return request.derive({ fields: { pairs, secret } })
  }
}

const without = (pairs: Pairs, name: string): Pairs => pairs.filter(([other]) => other.toLowerCase() !== name)
