/**
 * Decides by name which values are never shown: values of query parameters, form fields, JSON members and headers.
 *
 * A name is split into words at every character that is not a letter or digit and at camel-case boundaries, so that
 * "X-Amz-Security-Token", "security_token" and "securityToken" are equal. Trailing digits, and trailing words that only
 * describe a notation ("value", "hash", "base64"), are ignored. The value is secret if
 *
 * 1. any word names a password or a secret: "password", "new_password_confirmation", "client_secret";
 * 2. the last word names a credential: "token", "signature", "sig", "jwt", "auth", "session", "credential", ...; except
 *    "token" after a word for a position in a list: "page_token", "continuationToken";
 * 3. the last word is "key", unless the word before it describes a key that is not a credential: "sort_key",
 *    "public_key", "idempotency-key";
 * 4. the last word is "code", alone (as in OAuth and Azure) or after a word such as "auth" or "verification";
 * 5. the whole name is a word that is a credential only on its own: "sign", "ticket", "sid", "cookie", "code",
 *    "SAMLResponse";
 * 6. the name ends in "session_id" or "access_key_id";
 * 7. the last word is a compound such as "authtoken", "PHPSESSID", "clientsecret", "xapikey".
 *
 * All other values are shown: "token_type", "max_tokens", "signature_method", "X-Amz-SignedHeaders", "keyword",
 * "author", "status_code". In doubt, the rules hide a value, because showing a credential is the worse mistake.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "))

/** Rule 1. */
const secretAnywhere = words("password passwords passwd passphrase pwd secret")

/** Rule 2. */
const secretAtEnd = words(
  "token signature sig hmac jwt jws bearer assertion credential credentials creds auth authorization oauth otp totp " +
    "pass pw passcode pin verifier csrf xsrf session sessid sas apikey"
)

/** Words before "token" that make it a position in a list. */
const listPositions = words(
  "page next previous prev continuation sync paging pagination cursor skip start starting end last delta scroll nextpage"
)

/** Words before "key" that make it an identifier rather than a credential. */
const ordinaryKeys = words(
  "sort partition primary foreign public cache row range hash group routing idempotency surrogate natural composite " +
    "unique index object item map dedup deduplication message shard issue project space resource translation lookup " +
    "search event state storage bucket file start end evaluated config locale label tag metric feature order parent " +
    "child field column form template asset host"
)

/** Words before "code" that make it a credential. */
const secretCodes = words(
  "auth authorization oauth verification verify security access device user login otp totp mfa tfa 2fa invite " +
    "invitation reset confirm confirmation activation backup recovery sms grant"
)

/** Rule 5: whole names, compared without separators. */
const secretAlone = words("sign ticket cookie cookies sid code key samlresponse samlart")

/** Rule 7. */
const secretCompounds = [
  ..."password passwd passphrase secret token signature credential credentials authorization".split(" "),
  ..."apikey appkey accesskey secretkey privatekey authkey accountkey subscriptionkey licensekey".split(" "),
  ..."accesskeyid sessionid sessid authcode".split(" ")
]

/** Trailing words that only describe a notation. */
const notations = words("value hash base64 b64 raw encoded encrypted enc")

/** Of a longer name, only the end is examined. */
const maxLength = 128

const split = (name: string): Array<string> => {
  const all = name
    .slice(-maxLength)
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "")
  while (all.length > 1 && (/^\d+$/.test(all[all.length - 1] ?? "") || notations.has(all[all.length - 1] ?? ""))) {
    all.pop()
  }
  return all
}

const isSecretCompound = (word: string): boolean =>
  secretCompounds.some(
    (end) => word.endsWith(end) && !(end === "token" && listPositions.has(word.slice(0, -end.length)))
  )

const decide = (name: string): boolean => {
  const all = split(name)
  if (all.some((word) => secretAnywhere.has(word))) return true
  if (secretAlone.has(all.join(""))) return true
  const end = (all[all.length - 1] ?? "").replace(/(?<=[a-z])\d+$/, "")
  const before = all[all.length - 2]
  switch (end) {
    case "token":
      return before === undefined || !listPositions.has(before)
    case "key":
      return before === undefined || !ordinaryKeys.has(before)
    case "code":
      return before === undefined || secretCodes.has(before)
    case "id":
      return before === "session" || (before === "key" && all[all.length - 3] === "access")
    default:
      return secretAtEnd.has(end) || secretAnywhere.has(end) || isSecretCompound(end)
  }
}

/** Cached verdicts. Programs use few names; the limit of its size is for names that peers choose. */
const verdicts = new Map<string, boolean>()

const maxVerdicts = 512

/** Whether the value of a parameter, form field or header with this name is never shown. Ignores case. */
export const isSecretName = (name: string): boolean => {
  let secret = verdicts.get(name)
  if (secret === undefined) {
    secret = decide(name)
    if (verdicts.size >= maxVerdicts) verdicts.clear()
    if (name.length <= maxLength) verdicts.set(name, secret)
  }
  return secret
}

/** Like `isSecretName`, for JSON members and names in text, where "code" alone is usually an error code. */
export const isSecretMember = (name: string): boolean => isSecretName(name) && name.toLowerCase() !== "code"

/** Headers that match a rule but do not contain a credential. */
const openHeaders = words("access-control-allow-credentials accept-signature")

/** Headers that contain credentials although their names do not match a rule, in lower case. */
const credentialHeaders = words(
  "authentication authentication-info proxy-authentication-info cookie2 set-cookie set-cookie2 dpop x-amzn-oidc-data"
)

/** Whether the value of a header is never shown. */
export const isHiddenHeader = (name: string): boolean => {
  const lower = name.toLowerCase()
  return credentialHeaders.has(lower) || (isSecretName(name) && !openHeaders.has(lower))
}
