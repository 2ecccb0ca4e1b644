/**
 * Our verdicts on public suites where they are not the suite's own, with the reason. `docs/conformance.md` has the
 * same rows.
 */

/** What we make of a reply: "accept" a whole response, or "refuse" it. */
export type Verdict = "accept" | "refuse"

type Differing = Readonly<Record<string, readonly [verdict: Verdict, why: string]>>

const bareLf = "lines end with LF alone; RFC 9112, section 2.2 lets a recipient refuse them, and proxies differ on them"
const folded = "a folded field line; RFC 9112, section 5.2 forbids senders to fold, and proxies differ on it"
const coding = "a transfer coding that was not asked for; only exactly one chunked is taken"
const later = "this reply is whole and correct; curl fails at the next one, which is not in the row"
const locations = "two Location fields are no fault of framing; the session decides on redirects"

/** curl takes the reply and we refuse it, or the other way round; by the name of curl's test. */
export const curlDiffering: Differing = {
  test1116: ["refuse", bareLf],
  test1122: ["refuse", coding],
  test1274: ["refuse", folded],
  test1417: ["refuse", bareLf],
  test1479: ["accept", later],
  test1482: ["refuse", "chunked twice; RFC 9112, section 6.1 forbids it"],
  test1493: ["refuse", "identity is no transfer coding since RFC 7230"],
  test1591: ["refuse", bareLf],
  test1617: ["refuse", coding],
  test1940: ["refuse", folded],
  test1943: ["refuse", bareLf],
  test269: ["refuse", "the body is shorter than its Content-Length, which curl was told to ignore"],
  test293: ["accept", "6 bytes are too many only for curl's option; ours is a matter of the body's reader"],
  test34: ["refuse", bareLf],
  test471: ["accept", later],
  test565: ["refuse", bareLf],
  test580: ["accept", locations],
  test66: ["refuse", "HTTP/0.9, which curl was told to take"],
  test770: [
    "refuse",
    "Content-Lengths that are equal only as numbers (6, 06); the Fetch standard compares them as text"
  ],
  test772: ["accept", locations],
  test798: ["refuse", folded]
}

/** curl's exit code is about something else than the reply, so it says nothing of it. */
export const curlSilent: Differing = {
  test1073: ["accept", "code 25: the upload could not be rewound"],
  test1174: ["refuse", "code 1: HTTP/0.9"],
  test1247: ["refuse", "code 1: no reply at all"],
  test1431: ["refuse", "code 1: a status of one digit"],
  test1433: ["refuse", "code 1: a version of a hundred digits"],
  test1683: ["accept", "code 23: the file exists"],
  test23: ["refuse", "code 1: no reply at all"],
  test274: ["accept", "code 47: no redirects allowed"],
  test281: ["refuse", `code 22: a 401; but ${bareLf}`]
}

/** Browsers ignore a Content-Length that is no number. */
const invalidLength = "an invalid Content-Length is an error that nothing can mend (RFC 9112, section 6.3)"

export const contentLengthDiffering: Readonly<Record<string, string>> = {
  "Content-Length: aaaah\r\nContent-Length: aaaah": invalidLength,
  "Content-Length: aaaah, aaaah": invalidLength,
  "Content-Length: aaaah": invalidLength,
  "Content-Length: 42s": invalidLength,
  "Content-Length: 30s": invalidLength,
  "Content-Length: -1": invalidLength,
  "Content-Length: 0x20": invalidLength
}

/** Our verdict on each row of the h1-parsing suite, by the grammar of RFC 9112 (the suite gives none). */
export const h1Parsing: Readonly<Record<string, Verdict>> = {
  "LF first": "refuse",
  "LF before-slash": "refuse",
  "LF before-dot": "refuse",
  "LF after-ver": "refuse",
  "LF after-num": "refuse",
  "LF after-reason": "refuse",
  "LF in-name": "refuse",
  "LF after-colon": "refuse",
  "LF after-value": "refuse",
  "CR in-http": "refuse",
  "CR after-slash": "refuse",
  "CR after-dot": "refuse",
  "CR before-num": "refuse",
  "CR before-reason": "refuse",
  "CR leading": "refuse",
  "CR before-colon": "refuse",
  "CR in-value": "refuse",
  "HTAB first": "refuse",
  "HTAB before-slash": "refuse",
  "HTAB before-dot": "refuse",
  "HTAB after-ver": "refuse",
  "HTAB after-num": "refuse",
  "HTAB after-reason": "accept",
  "HTAB in-name": "refuse",
  "HTAB after-colon": "accept",
  "HTAB after-value": "accept",
  "SP in-http": "refuse",
  "SP after-slash": "refuse",
  "SP after-dot": "refuse",
  "SP before-num": "refuse",
  "SP before-reason": "accept",
  "SP leading": "refuse",
  "SP before-colon": "refuse",
  "SP in-value": "accept",
  "NULL first": "refuse",
  "NULL before-slash": "refuse",
  "NULL before-dot": "refuse",
  "NULL after-ver": "refuse",
  "NULL after-num": "refuse",
  "NULL after-reason": "refuse",
  "NULL in-name": "refuse",
  "NULL after-colon": "refuse",
  "NULL after-value": "refuse",
  "COLON in-http": "refuse",
  "COLON after-slash": "refuse",
  "COLON after-dot": "refuse",
  "COLON before-num": "refuse",
  "COLON before-reason": "accept",
  "COLON leading": "refuse",
  "COLON before-colon": "accept",
  "COLON in-value": "accept"
}

/** The value of X-Frame-Options in the accepted rows of h1-parsing where it is not DENY. */
export const h1Values: Readonly<Record<string, string>> = {
  "SP in-value": "DE NY",
  "COLON before-colon": ":DENY",
  "COLON in-value": "DE:NY"
}
