/** Parses cookie dates (RFC 6265bis section 5.1.1). Their grammar differs from HTTP dates and from `Date.parse`. */

const months: ReadonlyMap<string, number> = new Map(
  ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"].map((name, index) => [
    name,
    index
  ])
)

const delimiters = /[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+/
const timePattern = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D|$)/
const dayPattern = /^(\d{1,2})(?:\D|$)/
const yearPattern = /^(\d{2,4})(?:\D|$)/

interface Fields {
  time: readonly [hour: number, minute: number, second: number] | undefined
  day: number | undefined
  month: number | undefined
  year: number | undefined
}

const readTime = (token: string): Fields["time"] => {
  const match = timePattern.exec(token)
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])]
}

const readNumber = (pattern: RegExp, token: string): number | undefined => {
  const match = pattern.exec(token)
  return match === null ? undefined : Number(match[1])
}

const read = (text: string): Fields => {
  const fields: Fields = { time: undefined, day: undefined, month: undefined, year: undefined }
  for (const token of text.split(delimiters)) {
    if (token === "") continue
    if (fields.time === undefined) {
      fields.time = readTime(token)
      if (fields.time !== undefined) continue
    }
    if (fields.day === undefined) {
      fields.day = readNumber(dayPattern, token)
      if (fields.day !== undefined) continue
    }
    if (fields.month === undefined) {
      fields.month = months.get(token.slice(0, 3).toLowerCase())
      if (fields.month !== undefined) continue
    }
    if (fields.year === undefined) fields.year = readNumber(yearPattern, token)
  }
  return fields
}

const fullYear = (year: number): number => (year > 99 ? year : year > 69 ? year + 1900 : year + 2000)

/** Milliseconds since the epoch, or `undefined` if `text` is not a cookie date. */
export const parseDate = (text: string): number | undefined => {
  const { day, month, time, year } = read(text)
  if (time === undefined || day === undefined || month === undefined || year === undefined) return undefined
  const [hour, minute, second] = time
  const full = fullYear(year)
  if (day < 1 || day > 31 || full < 1601 || hour > 23 || minute > 59 || second > 59) return undefined
  const millis = Date.UTC(full, month, day, hour, minute, second)
  // The RFC rejects February 30, which `Date` converts to a day in March.
  return new Date(millis).getUTCDate() === day ? millis : undefined
}
