/**
 * Which names have values that are never shown: names of query parameters, form fields, JSON members and headers.
 *
 * A name is split into words at everything that is no letter or digit and where camel case begins a word, so that
 * "X-Amz-Security-Token", "security_token" and "securityToken" are the same to the rule. Digits at the end, and last
 * words that only say how the value is written ("value", "hash", "base64"), do not count. The value is secret where
 *
 * 1. any word names a password or a secret: "password", "new_password_confirmation", "client_secret";
 * 2. the last word names a credential: "token", "signature", "sig", "jwt", "auth", "session", "credential", ...;
 *    "token" not after a word for a place in a list: "page_token", "continuationToken";
 * 3. the last word is "key", unless the word before it names a key that opens nothing: "sort_key", "public_key",
 *    "idempotency-key";
 * 4. the last word is "code" and stands alone (OAuth's, Azure's) or after a word such as "auth" or "verification";
 * 5. the name is a word that is a credential only by itself: "sign", "ticket", "sid", "cookie", "code", "SAMLResponse";
 * 6. it ends in "session_id" or "access_key_id";
 * 7. the last word is one of these written together: "authtoken", "PHPSESSID", "clientsecret", "xapikey".
 *
 * Everything else is shown: "token_type", "max_tokens", "signature_method", "X-Amz-SignedHeaders", "keyword", "author",
 * "status_code". The rule prefers to hide too much: a hidden value costs a look, a shown one a credential.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "))

/** Rule 1. */
const anywhere = words("password passwords passwd passphrase pwd secret")

/** Rule 2. */
const last = words(
  "token signature sig hmac jwt jws bearer assertion credential credentials creds auth authorization oauth otp totp " +
    "pass pw passcode pin verifier csrf xsrf session sessid sas apikey"
)

/** Words before "token" that make it a place in a list. */
const places = words(
  "page next previous prev continuation sync paging pagination cursor skip start starting end last delta scroll nextpage"
)

/** Words before "key" that make it a name, and no key to anything. */
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

/** Rule 5; without separators. */
const alone = words("sign ticket cookie cookies sid code key samlresponse samlart")

/** Rule 7. */
const joined = [
  ..."password passwd passphrase secret token signature credential credentials authorization".split(" "),
  ..."apikey appkey accesskey secretkey privatekey authkey accountkey subscriptionkey licensekey".split(" "),
  ..."accesskeyid sessionid sessid authcode".split(" ")
]

/** Last words that say how a value is written. */
const notations = words("value hash base64 b64 raw encoded encrypted enc")

/** Longer names are judged by their ends. */
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

const isJoined = (word: string): boolean =>
  joined.some((end) => word.endsWith(end) && !(end === "token" && places.has(word.slice(0, -end.length))))

const judge = (name: string): boolean => {
  const all = split(name)
  if (all.some((word) => anywhere.has(word))) return true
  if (alone.has(all.join(""))) return true
  const end = (all[all.length - 1] ?? "").replace(/(?<=[a-z])\d+$/, "")
  const before = all[all.length - 2]
  switch (end) {
    case "token":
      return before === undefined || !places.has(before)
    case "key":
      return before === undefined || !ordinaryKeys.has(before)
    case "code":
      return before === undefined || secretCodes.has(before)
    case "id":
      return before === "session" || (before === "key" && all[all.length - 3] === "access")
    default:
      return last.has(end) || anywhere.has(end) || isJoined(end)
  }
}

/** Judged before; a program asks for few names, and a peer cannot fill it. */
const known = new Map<string, boolean>()

const maxKnown = 512

/** Whether a parameter, a form field or a header of that name, in any case, has a value that is never shown. */
export const isSecretName = (name: string): boolean => {
  let secret = known.get(name)
  if (secret === undefined) {
    secret = judge(name)
    if (known.size >= maxKnown) known.clear()
    if (name.length <= maxLength) known.set(name, secret)
  }
  return secret
}

/** The same of a JSON member, or of a name in running text: "code" alone mostly names an error there. */
export const isSecretMember = (name: string): boolean => isSecretName(name) && name.toLowerCase() !== "code"

/** Rules that a name looks like and is not: what these hold is no credential. */
const openHeaders = words("access-control-allow-credentials accept-signature")

/** Headers with credentials whose names do not say so, in lower case. */
const credentialHeaders = words(
  "authentication authentication-info proxy-authentication-info cookie2 set-cookie set-cookie2 dpop x-amzn-oidc-data"
)

/** Whether a header's value is never shown. */
export const isHiddenHeader = (name: string): boolean => {
  const lower = name.toLowerCase()
  return credentialHeaders.has(lower) || (isSecretName(name) && !openHeaders.has(lower))
}
