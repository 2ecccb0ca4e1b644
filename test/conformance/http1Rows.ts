/**
 * Verdicts on public suites that differ from the suites' own, with the reason, by default and in strict mode.
 * `docs/conformance.md` has the same rows.
 */

/** The verdict on a reply: "accept" it as a whole response, or "reject" it. */
export type Verdict = "accept" | "reject"

export type Differing = Readonly<Record<string, readonly [verdict: Verdict, why: string]>>

const coding = "a transfer coding that was not asked for; only chunked is accepted"
const later = "this reply is complete and correct; curl fails at the next one, which is not in the row"
const locations = "two Location fields are not a fault of framing; the session decides on redirects"

/** Replies that curl accepts and the parser rejects, or the reverse, in both modes; by the name of curl's test. */
const curlBoth: Differing = {
  test1122: ["reject", coding],
  test1479: ["accept", later],
  test1591: ["reject", "the connection ends within the head"],
  test1617: ["reject", coding],
  test269: ["reject", "the body is shorter than its Content-Length, and curl's command ignores the length"],
  test293: ["accept", "6 bytes are too many only for curl's option; here the reader of the body has the limit"],
  test471: ["accept", later],
  test580: ["accept", locations],
  test66: ["reject", "HTTP/0.9, which curl's command allows"],
  test770: [
    "reject",
    "Content-Lengths that are equal only as numbers (6, 06); the Fetch standard compares them as text"
  ],
  test772: ["accept", locations]
}

const bareLf = "lines end with LF alone (RFC 9112 section 2.2)"
const folded = "a folded field line (RFC 9112 section 5.2)"

/** Replies that only the strict parser rejects. */
const curlStrict: Differing = {
  test1116: ["reject", bareLf],
  test1274: ["reject", folded],
  test1417: ["reject", bareLf],
  test1482: ["reject", "chunked twice (RFC 9112 section 6.1)"],
  test1493: ["reject", "identity is not a transfer coding since RFC 7230"],
  test1940: ["reject", folded],
  test1943: ["reject", bareLf],
  test34: ["reject", bareLf],
  test565: ["reject", bareLf],
  test798: ["reject", folded]
}

export const curlDiffering = { default: curlBoth, strict: { ...curlBoth, ...curlStrict } }

/** Replies without a meaningful exit code of curl. */
const silent: Differing = {
  test1073: ["accept", "code 25: the upload could not be rewound"],
  test1174: ["reject", "code 1: HTTP/0.9"],
  test1247: ["reject", "code 1: an empty reply"],
  test1431: ["reject", "code 1: a status of one digit"],
  test1433: ["reject", "code 1: a version of a hundred digits"],
  test1683: ["accept", "code 23: the file exists"],
  test23: ["reject", "code 1: an empty reply"],
  test274: ["accept", "code 47: redirects not allowed"],
  test281: ["accept", "code 22: a 401 whose lines end with LF alone"]
}

export const curlSilent = {
  default: silent,
  strict: { ...silent, test281: ["reject", `code 22: a 401; ${bareLf}`] } satisfies Differing
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
  "LF first": ["accept", "reject"],
  "LF before-slash": ["reject", "reject"],
  "LF before-dot": ["reject", "reject"],
  "LF after-ver": ["reject", "reject"],
  "LF after-num": ["reject", "reject"],
  "LF after-reason": ["accept", "reject"],
  "LF in-name": ["reject", "reject"],
  "LF after-colon": ["reject", "reject"],
  "LF after-value": ["accept", "reject"],
  "CR in-http": ["reject", "reject"],
  "CR after-slash": ["reject", "reject"],
  "CR after-dot": ["reject", "reject"],
  "CR before-num": ["reject", "reject"],
  "CR before-reason": ["reject", "reject"],
  "CR leading": ["reject", "reject"],
  "CR before-colon": ["reject", "reject"],
  "CR in-value": ["reject", "reject"],
  "HTAB first": ["reject", "reject"],
  "HTAB before-slash": ["reject", "reject"],
  "HTAB before-dot": ["reject", "reject"],
  "HTAB after-ver": ["accept", "reject"],
  "HTAB after-num": ["accept", "reject"],
  "HTAB after-reason": ["accept", "accept"],
  "HTAB in-name": ["accept", "reject"],
  "HTAB after-colon": ["accept", "accept"],
  "HTAB after-value": ["accept", "accept"],
  "SP in-http": ["reject", "reject"],
  "SP after-slash": ["reject", "reject"],
  "SP after-dot": ["reject", "reject"],
  "SP before-num": ["accept", "reject"],
  "SP before-reason": ["accept", "accept"],
  "SP leading": ["accept", "reject"],
  "SP before-colon": ["accept", "reject"],
  "SP in-value": ["accept", "accept"],
  "NULL first": ["reject", "reject"],
  "NULL before-slash": ["reject", "reject"],
  "NULL before-dot": ["reject", "reject"],
  "NULL after-ver": ["reject", "reject"],
  "NULL after-num": ["reject", "reject"],
  "NULL after-reason": ["reject", "reject"],
  "NULL in-name": ["reject", "reject"],
  "NULL after-colon": ["reject", "reject"],
  "NULL after-value": ["reject", "reject"],
  "COLON in-http": ["reject", "reject"],
  "COLON after-slash": ["reject", "reject"],
  "COLON after-dot": ["reject", "reject"],
  "COLON before-num": ["reject", "reject"],
  "COLON before-reason": ["accept", "accept"],
  "COLON leading": ["accept", "reject"],
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

/** Rows whose head ends early, so that the end of the connection ends the body. */
export const h1EarlyEnd: ReadonlySet<string> = new Set(["LF after-reason", "LF after-value"])
