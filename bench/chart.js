/** Draws the chart of the page: for each table, the speed of this package over that of the best other client. */

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

const left = 330
const width = 300
const row = 24
const top = 76

const ahead = "#2563eb"
const behind = "#d97706"

/** Ratios within the noise of a shared machine count as equal. */
const noise = 0.03
const even = "#64748b"

const colorOf = (times) => (times > 1 + noise ? ahead : times < 1 - noise ? behind : even)

const text = (x, y, content, attributes = "") => `<text x="${x}" y="${y}" ${attributes}>${escape(content)}</text>`

/** An SVG of headlines. Each has a label, the best other client, and the speed of this package over it. */
export const chart = (headlines) => {
  const scale = width / Math.max(2, ...headlines.map(({ times }) => times))
  const height = top + headlines.length * row + 16
  const one = left + scale
  const bars = headlines.map(({ label, peer, times }, index) => {
    const y = top + index * row
    const end = left + times * scale
    return [
      text(left - 10, y + 15, label, 'text-anchor="end"'),
      `<rect x="${left}" y="${y + 4}" width="${(times * scale).toFixed(1)}" height="15" rx="2" fill="${colorOf(times)}"/>`,
      text(Math.max(end, one) + 7, y + 16, times.toFixed(2), 'font-weight="bold"'),
      text(Math.max(end, one) + 44, y + 16, `over ${peer}`, 'fill="#64748b" font-size="11"')
    ].join("")
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="860" height="${height}" font-family="sans-serif" font-size="13">`,
    "<title>How many times as fast as the best other client</title>",
    '<rect width="100%" height="100%" fill="white"/>',
    text(16, 26, "How many times as fast as the best other client", 'font-weight="bold" font-size="16"'),
    `<rect x="16" y="40" width="12" height="12" fill="${ahead}"/>${text(34, 51, "faster")}`,
    `<rect x="96" y="40" width="12" height="12" fill="${even}"/>${text(114, 51, "as fast, within 3 %")}`,
    `<rect x="246" y="40" width="12" height="12" fill="${behind}"/>${text(264, 51, "slower")}`,
    ...bars,
    `<line x1="${one}" y1="${top - 4}" x2="${one}" y2="${height - 10}" stroke="#0f172a" stroke-dasharray="4 3"/>`,
    text(one, top - 10, "1", 'text-anchor="middle"'),
    "</svg>\n"
  ].join("\n")
}
