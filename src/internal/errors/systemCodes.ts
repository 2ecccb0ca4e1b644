/** Explains the codes of system and resolver errors. */

const explanations: { readonly [code: string]: string } = {
  EACCES: "this process may not access it",
  EADDRNOTAVAIL: "the local address is not available, or all its ports are in use",
  EAI_AGAIN: "the name server did not answer",
  EBADRESP: "the resolver returned no usable address",
  ECONNABORTED: "the connection was aborted",
  ECONNREFUSED: "no program accepts connections there",
  ECONNRESET: "the peer reset the connection",
  EHOSTDOWN: "the host is down",
  EHOSTUNREACH: "there is no route to the host",
  EMFILE: "this process has too many open files",
  ENAMETOOLONG: "the path is too long",
  ENETDOWN: "the network is down",
  ENETUNREACH: "there is no route to its network",
  ENODATA: "the name has no address of the requested family",
  ENOENT: "the file does not exist",
  ENOTFOUND: "the name does not exist",
  ENOTRECORDED: "the cassette has no recorded response for this request",
  EPIPE: "the peer has closed the connection",
  EREFUSED: "the name server refused the query",
  ESERVFAIL: "the name server failed",
  ETIMEDOUT: "the peer did not answer",
  ETIMEOUT: "the name server did not answer"
}

/** The code, followed by its explanation if it is a common one. */
export const explainCode = (code: string): string => {
  const explanation = Object.hasOwn(explanations, code) ? explanations[code] : undefined
  return explanation === undefined ? code : `${code}, ${explanation}`
}
