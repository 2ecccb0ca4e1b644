/** The response bodies of the servers and the request bodies of the clients. */
export const small = JSON.stringify({ id: 1, name: "a small body, sixty-five bytes!", ok: true, n: 1 })

export const large = JSON.stringify({ data: "x".repeat(64 * 1024 - 11) })

/** JSON of 64 KiB that gzip compresses to about a fifth, as it does with usual records. */
export const records = () => {
  const all = []
  let seed = 1
  for (let length = 2; length < 64 * 1024; ) {
    seed = (seed * 1103515245 + 12345) % 2147483648
    const record = {
      id: all.length,
      name: `user ${seed}`,
      mail: `${seed.toString(36)}@example.org`,
      active: seed % 2 === 0
    }
    all.push(record)
    length += JSON.stringify(record).length + 1
  }
  return JSON.stringify(all)
}

/** The file of a form: 64 KiB. */
export const file = new Uint8Array(64 * 1024).fill(120)
