/** The DER of certificates with alternative names, for code that reads nothing else of them. */

const element = (tag: number, ...contents: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(contents)
  const size = Buffer.alloc(4)
  size.writeUInt32BE(content.length)
  return Buffer.concat([Buffer.from([tag, 0x84]), size, content])
}

export const dns = (name: string): Buffer => element(0x82, Buffer.from(name, "latin1"))

export const uri = (text: string): Buffer => element(0x86, Buffer.from(text, "latin1"))

export const ip = (bytes: ReadonlyArray<number>): Buffer => element(0x87, Buffer.from(bytes))

const sanOid = Buffer.from("0603551d11", "hex")

/** A certificate's DER with these general names, and nothing else. */
export const withNames = (...names: ReadonlyArray<Uint8Array>): Buffer => {
  const san = element(0x30, sanOid, element(0x04, element(0x30, ...names)))
  return element(0x30, element(0x30, element(0xa3, element(0x30, san))))
}
