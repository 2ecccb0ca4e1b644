import { assert, describe, it } from "@effect/vitest"
import * as Redact from "../../src/internal/redact.js"
import { isHiddenHeader, isSecretMember, isSecretName } from "../../src/internal/secretNames.js"

const list = (text: string): ReadonlyArray<string> => text.trim().split(/\s+/)

/** Secret names by service or standard. */
const secret: { readonly [whose: string]: string } = {
  "OAuth 1 and 2": `oauth_signature oauth_token oauth_token_secret oauth_verifier access_token refresh_token id_token
    code code_verifier client_secret client_assertion assertion device_code user_code subject_token`,
  SAML: "SAMLResponse SAMLart",
  AWS: `X-Amz-Signature X-Amz-Credential X-Amz-Security-Token Signature AWSAccessKeyId aws_secret_access_key
    aws_session_token`,
  "Google Cloud": "X-Goog-Signature X-Goog-Credential key",
  Azure: "sig code subscription-key AccountKey SharedAccessKey SharedAccessSignature",
  "other services": "hmac sign apikey api_key api-key APIKEY appkey app_key x-functions-key license_key signing_key",
  sessions: "session session_id sessionId SESSIONID PHPSESSID JSESSIONID ASPSESSIONID jsessionid sid session_token",
  passwords: `password passwd pwd pass passphrase passcode new_password password_confirmation passwordHash password2
    user[password] userPassword db.password`,
  keys: "secret_key private_key access_key secretKey privatekey accesskey encryption_key master-key",
  tokens: `token token[] tokens[token] reset_token jwt jwt_token authToken AUTHTOKEN csrf_token _csrf authenticity_token
    invite_token token_hash token2 x-auth-token bearer otp totp ticket verification_code auth_code authcode`,
  credentials: "auth authorization x_auth credential credentials creds secret secret_id client_secret_value"
}

const open: { readonly [whose: string]: string } = {
  "OAuth 1 and 2": `oauth_nonce oauth_timestamp oauth_version oauth_signature_method oauth_callback client_id state nonce
    token_type token_type_hint client_assertion_type code_challenge code_challenge_method response_type scope
    redirect_uri grant_type`,
  AWS: "X-Amz-Algorithm X-Amz-Date X-Amz-Expires X-Amz-SignedHeaders Expires Policy Key-Pair-Id",
  "Google Cloud": "GoogleAccessId X-Goog-Date X-Goog-SignedHeaders alt authuser",
  Azure: "se sp sv sr st spr skoid api-version",
  "places in lists": `page page_token nextPageToken pagetoken continuationToken continuation-token sync_token next_token
    NextToken cursor max-keys startkey ExclusiveStartKey start-after`,
  "names of things": `sort_key partition_key primaryKey foreign_key public_key cache_key idempotency_key issueKey
    projectKey key_id keyId keyword keywords keys keyboard monkey hotkeys`,
  "codes of things": "country_code status_code statusCode zip_code error_code postal_code currency_code barcode codec",
  "words that only begin or end so": `author authority authors signal signage design designated assign assignee tokens
    tokenize max_tokens token_count passenger compass bypass passport secretary sessions session_count session_type
    cookie_consent ticket_id insight pinned`,
  others: "q id name user username email limit offset format callback lang v version ts timestamp hash"
}

describe("isSecretName", () => {
  for (const [whose, names] of Object.entries(secret)) {
    it(`hides the secret names of ${whose}`, () => {
      assert.deepStrictEqual(
        list(names).filter((name) => !isSecretName(name)),
        []
      )
    })
  }

  for (const [whose, names] of Object.entries(open)) {
    it(`shows the other names of ${whose}`, () => {
      assert.deepStrictEqual(list(names).filter(isSecretName), [])
    })
  }

  it("ignores the case and the separators of a name", () => {
    for (const name of ["security_token", "security-token", "securityToken", "SecurityToken", "security.token"]) {
      assert.isTrue(isSecretName(name), name)
      assert.isTrue(isSecretName(name.toUpperCase()), name.toUpperCase())
    }
  })

  it("decides a long name by its end", () => {
    assert.isTrue(isSecretName(`${"A".repeat(1_000_000)}_token`))
    assert.isFalse(isSecretName(`token_${"A".repeat(1_000_000)}`))
  })

  it("gives the same result for a name after many other names", () => {
    for (let index = 0; index < 2000; index++) assert.isFalse(isSecretName(`field${index}`))
    assert.isTrue(isSecretName("access_token"))
    assert.isFalse(isSecretName("token_type"))
  })
})

describe("isSecretMember", () => {
  it("equals isSecretName, except that it shows a `code`, which is usually the code of an error", () => {
    assert.isFalse(isSecretMember("code"))
    assert.isFalse(isSecretMember("Code"))
    assert.isTrue(isSecretMember("auth_code"))
    assert.isTrue(isSecretMember("access_token"))
  })
})

describe("isHiddenHeader", () => {
  it("hides headers with credentials", () => {
    const names = `Authorization Proxy-Authorization X-Forwarded-Authorization Cookie Cookie2 Set-Cookie Set-Cookie2
      Authentication-Info Proxy-Authentication-Info X-Api-Key Api-Key Ocp-Apim-Subscription-Key X-Functions-Key
      X-Auth-Token X-Access-Token X-Amz-Security-Token X-Goog-Api-Key X-Vault-Token Private-Token X-Csrf-Token
      X-Xsrf-Token X-Shopify-Access-Token DD-API-KEY DD-APPLICATION-KEY X-Auth-Key X-Hub-Signature-256 X-Twilio-Signature
      Cf-Access-Client-Secret Cf-Access-Jwt-Assertion X-Amzn-Oidc-Data DPoP Sec-WebSocket-Key X-Session-Id
      X-Plex-Token apikey`
    assert.deepStrictEqual(
      list(names).filter((name) => !isHiddenHeader(name)),
      []
    )
  })

  it("hides every header that stays at its origin", () => {
    const names = `authorization proxy-authorization authentication-info proxy-authentication-info cookie cookie2
      set-cookie set-cookie2 api-key apikey x-api-key x-auth-token x-access-token x-amz-security-token x-csrf-token
      x-xsrf-token x-goog-api-key x-vault-token private-token sec-websocket-key`
    assert.isTrue(list(names).every(Redact.isSecretHeader))
    assert.isTrue(list(names).every(isHiddenHeader))
  })

  it("shows other headers", () => {
    const names = `Accept Accept-Signature Access-Control-Allow-Credentials Cache-Control Content-Length Content-Type
      Content-Security-Policy Date ETag Host Idempotency-Key If-None-Match Link Location Origin Proxy-Authenticate
      Public-Key-Pins Retry-After Sec-WebSocket-Accept Sec-WebSocket-Protocol Server Surrogate-Key User-Agent Vary
      WWW-Authenticate X-Cache-Key X-Error-Code X-Request-Id X-Amzn-Trace-Id`
    assert.deepStrictEqual(list(names).filter(isHiddenHeader), [])
  })
})
