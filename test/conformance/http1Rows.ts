/**
 * Verdicts on public suites where they are not the suite's own, with the reason: by default and in strict mode.
 * `docs/conformance.md` has the same rows.
 */

/** The verdict on a reply: "accept" a whole response, or "refuse" it. */
export type Verdict = "accept" | "refuse"

export type Differing = Readonly<Record<string, readonly [verdict: Verdict, why: string]>>

const coding = "a transfer coding that was not asked for; only chunked is accepted"
const later = "this reply is complete and correct; curl fails at the next one, which is not in the row"
const locations = "two Location fields are not a fault of framing; the session decides on redirects"

/** Replies that curl accepts and the parser refuses, or the reverse, in both modes; by the name of curl's test. */
const curlBoth: Differing = {
  test1122: ["refuse", coding],
  test1479: ["accept", later],
  test1591: ["refuse", "the connection ends within the head"],
  test1617: ["refuse", coding],
  test269: ["refuse", "the body is shorter than its Content-Length, and curl's command ignores the length"],
  test293: ["accept", "6 bytes are too many only for curl's option; here the reader of the body has the limit"],
  test471: ["accept", later],
  test580: ["accept", locations],
  test66: ["refuse", "HTTP/0.9, which curl's command allows"],
  test770: [
    "refuse",
    "Content-Lengths that are equal only as numbers (6, 06); the Fetch standard compares them as text"
  ],
  test772: ["accept", locations]
}

const bareLf = "lines end with LF alone (RFC 9112 section 2.2)"
const folded = "a folded field line (RFC 9112 section 5.2)"

/** Replies that only the strict parser refuses. */
const curlStrict: Differing = {
  test1116: ["refuse", bareLf],
  test1274: ["refuse", folded],
  test1417: ["refuse", bareLf],
  test1482: ["refuse", "chunked twice (RFC 9112 section 6.1)"],
  test1493: ["refuse", "identity is not a transfer coding since RFC 7230"],
  test1940: ["refuse", folded],
  test1943: ["refuse", bareLf],
  test34: ["refuse", bareLf],
  test565: ["refuse", bareLf],
  test798: ["refuse", folded]
}

export const curlDiffering = { default: curlBoth, strict: { ...curlBoth, ...curlStrict } }

/** Replies of which curl's exit code says nothing, since it is about something else. */
const silent: Differing = {
  test1073: ["accept", "code 25: the upload could not be rewound"],
  test1174: ["refuse", "code 1: HTTP/0.9"],
  test1247: ["refuse", "code 1: an empty reply"],
  test1431: ["refuse", "code 1: a status of one digit"],
  test1433: ["refuse", "code 1: a version of a hundred digits"],
  test1683: ["accept", "code 23: the file exists"],
  test23: ["refuse", "code 1: an empty reply"],
  test274: ["accept", "code 47: redirects not allowed"],
  test281: ["accept", "code 22: a 401 whose lines end with LF alone"]
}

export const curlSilent = {
  default: silent,
  strict: { ...silent, test281: ["refuse", `code 22: a 401; ${bareLf}`] } satisfies Differing
}

/** Browsers ignore a Content-Length that is not a number. */
const invalidLength = "an invalid Content-Length is an unrecoverable error (RFC 9112 section 6.3)"

export const contentLengthDiffering: Readonly<Record<string, string>> = {
  "Content-Length: aaaah\r\nContent-Length: aaaah": invalidLength,
  "Content-Length: aaaah, aaaah": invalidLength,
  "Content-Length: aaaah": invalidLength,
  "Content-Length: 42s": invalidLength,
  "Content-Length: 30s": invalidLength,
  "Content-Length: -1": invalidLength,
  "Content-Length: 0x20": invalidLength
}

/** The verdicts on the rows of the h1-parsing suite, by RFC 9112 (the suite gives none): by default, and in strict mode. */
export const h1Parsing: Readonly<Record<string, readonly [byDefault: Verdict, strict: Verdict]>> = {
  "LF first": ["accept", "refuse"],
  "LF before-slash": ["refuse", "refuse"],
  "LF before-dot": ["refuse", "refuse"],
  "LF after-ver": ["refuse", "refuse"],
  "LF after-num": ["refuse", "refuse"],
  "LF after-reason": ["accept", "refuse"],
  "LF in-name": ["refuse", "refuse"],
  "LF after-colon": ["refuse", "refuse"],
  "LF after-value": ["accept", "refuse"],
  "CR in-http": ["refuse", "refuse"],
  "CR after-slash": ["refuse", "refuse"],
  "CR after-dot": ["refuse", "refuse"],
  "CR before-num": ["refuse", "refuse"],
  "CR before-reason": ["refuse", "refuse"],
  "CR leading": ["refuse", "refuse"],
  "CR before-colon": ["refuse", "refuse"],
  "CR in-value": ["refuse", "refuse"],
  "HTAB first": ["refuse", "refuse"],
  "HTAB before-slash": ["refuse", "refuse"],
  "HTAB before-dot": ["refuse", "refuse"],
  "HTAB after-ver": ["accept", "refuse"],
  "HTAB after-num": ["accept", "refuse"],
  "HTAB after-reason": ["accept", "accept"],
  "HTAB in-name": ["accept", "refuse"],
  "HTAB after-colon": ["accept", "accept"],
  "HTAB after-value": ["accept", "accept"],
  "SP in-http": ["refuse", "refuse"],
  "SP after-slash": ["refuse", "refuse"],
  "SP after-dot": ["refuse", "refuse"],
  "SP before-num": ["accept", "refuse"],
  "SP before-reason": ["accept", "accept"],
  "SP leading": ["accept", "refuse"],
  "SP before-colon": ["accept", "refuse"],
  "SP in-value": ["accept", "accept"],
  "NULL first": ["refuse", "refuse"],
  "NULL before-slash": ["refuse", "refuse"],
  "NULL before-dot": ["refuse", "refuse"],
  "NULL after-ver": ["refuse", "refuse"],
  "NULL after-num": ["refuse", "refuse"],
  "NULL after-reason": ["refuse", "refuse"],
  "NULL in-name": ["refuse", "refuse"],
  "NULL after-colon": ["refuse", "refuse"],
  "NULL after-value": ["refuse", "refuse"],
  "COLON in-http": ["refuse", "refuse"],
  "COLON after-slash": ["refuse", "refuse"],
  "COLON after-dot": ["refuse", "refuse"],
  "COLON before-num": ["refuse", "refuse"],
  "COLON before-reason": ["accept", "accept"],
  "COLON leading": ["accept", "refuse"],
  "COLON before-colon": ["accept", "accept"],
  "COLON in-value": ["accept", "accept"]
}

/**
 * The field that the accepted rows of h1-parsing have in place of `X-Frame-Options: DENY`; `undefined` if it is
 * dropped.
 */
export const h1Values: Readonly<Record<string, string | undefined>> = {
  "SP in-value": "DE NY",
  "COLON before-colon": ":DENY",
  "COLON in-value": "DE:NY",
  "HTAB in-name": undefined,
  "COLON leading": undefined
}

/** Rows with a head that ends early, so that the connection's end ends the body. */
export const h1EarlyEnd: ReadonlySet<string> = new Set(["LF after-reason", "LF after-value"])
