/** Clients that upload a form with a text field and a file of 64 KiB. */
import { file } from "../payloads.js"
import { ours } from "./effect.js"
import { promise } from "./promise.js"

const formOf = (Form) => {
  const form = new Form()
  form.append("name", "bench")
  form.append("file", new Blob([file]), "file.bin")
  return form
}

export const clients = {
  "undici.request, FormData": async () => {
    const { Agent, FormData, request } = await import("undici")
    const dispatcher = new Agent()
    return promise(async (url) => {
      const response = await request(url, { dispatcher, method: "POST", body: formOf(FormData) })
      return response.body.json()
    })
  },
  "ours: Multipart": () =>
    ours(({ ClientResponse, Multipart }, session, url) => {
      const data = Multipart.make([
        Multipart.part("name", "bench"),
        Multipart.part("file", file, { filename: "file.bin" })
      ])
      return ClientResponse.json(session.post(url, { data }))
    }),
  "ours: FormData": () =>
    ours(({ ClientResponse }, session, url) => ClientResponse.json(session.post(url, { data: formOf(FormData) }))),
  "fetch, FormData": () => promise(async (url) => (await fetch(url, { method: "POST", body: formOf(FormData) })).json())
}
