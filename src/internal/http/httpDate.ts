/** Parses HTTP dates (RFC 9110 section 5.6.7): the current format and the two obsolete ones. */

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

const imf = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/
const rfc850 = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/
const asctime = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/

const millis = (
  year: number,
  month: string | undefined,
  day: string | undefined,
  time: ReadonlyArray<string | undefined>
): number | undefined => {
  const index = months.indexOf(month ?? "")
  const [hours, minutes, seconds] = time.map(Number)
  if (index === -1 || hours === undefined || minutes === undefined || seconds === undefined) return undefined
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined
  return Date.UTC(year, index, Number(day), hours, minutes, seconds)
}

/** Expands a two-digit year: the nearest year that is at most fifty years in the future. */
const fullYear = (short: number, now: number): number => {
  // Years since 1970 by the mean length of a Gregorian year.
  const present = 1970 + Math.floor(now / 31_556_952_000)
  const year = present - (present % 100) + short
  return year > present + 50 ? year - 100 : year <= present - 50 ? year + 100 : year
}

/** Milliseconds since the epoch, or `undefined` if the text is not a date. */
export const parseHttpDate = (text: string, now: number): number | undefined => {
  let match = imf.exec(text)
  if (match !== null) return millis(Number(match[3]), match[2], match[1], match.slice(4, 7))
  match = rfc850.exec(text)
  if (match !== null) return millis(fullYear(Number(match[3]), now), match[2], match[1], match.slice(4, 7))
  match = asctime.exec(text)
  return match === null ? undefined : millis(Number(match[6]), match[1], match[2], match.slice(3, 6))
}
