/** What the servers of the benchmark answer. */
export const small = JSON.stringify({ id: 1, name: "a small body, sixty-five bytes!", ok: true, n: 1 })
export const large = JSON.stringify({ data: "x".repeat(64 * 1024 - 11) })
