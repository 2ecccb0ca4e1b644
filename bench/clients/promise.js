/** Clients that are functions from a URL and a worker to a promise. */
import http from "node:http"

export const promise = (once) => ({ kind: "promise", once })

export const undiciRequest = async (options = {}, request = {}) => {
  const { Agent, request: send } = await import("undici")
  const dispatcher = new Agent(options)
  return promise(async (url) => (await send(url, { dispatcher, ...request })).body.json())
}

export const nodeHttp = (options = {}) => {
  const agent = new http.Agent({ keepAlive: true, ...options })
  return promise(
    (url) =>
      new Promise((resolve, reject) => {
        http
          .get(url, { agent }, (response) => {
            const chunks = []
            response.on("data", (chunk) => chunks.push(chunk))
            response.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
            response.on("error", reject)
          })
          .on("error", reject)
      })
  )
}

export const undiciDispatch = async () => {
  const { Agent } = await import("undici")
  const agent = new Agent()
  return promise((url) => {
    const { origin, pathname } = new URL(url)
    return new Promise((resolve, reject) => {
      const chunks = []
      agent.dispatch(
        { origin, path: pathname, method: "GET" },
        {
          onRequestStart: () => {},
          onResponseStart: () => {},
          onResponseData: (_, chunk) => chunks.push(chunk),
          onResponseEnd: () =>
            resolve(JSON.parse((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)).toString())),
          onResponseError: (_, error) => reject(error)
        }
      )
    })
  })
}
