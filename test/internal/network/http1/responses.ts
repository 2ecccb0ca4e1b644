/**
 * Responses as text, for tests of the parser.
 */
export const ok = (fields = "", body = "") => `HTTP/1.1 200 OK\r\n${fields}\r\n${body}`
export const sized = (fields: string) => `HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`
export const chunked = (body: string, fields = "") => ok(`Transfer-Encoding: chunked\r\n${fields}`, body)
export const many = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join("")

export const length = (fields: string) => ok(fields, "x".repeat(42))
