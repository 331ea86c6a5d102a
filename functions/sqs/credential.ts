import { SqsError } from './errors.ts'
import { DEFAULT_SCOPE, isAccount, type Scope } from './queue-url.ts'

/** Who a request says it is from, and for which region: the credential scope of its signature, verified or not. */
export interface Credential {
  readonly accessKeyId: string
  /** `YYYYMMDD` */
  readonly date: string
  readonly region: string
  readonly service: string
}

const AUTHORIZATION = /^AWS4-HMAC-SHA256\s+(.*)$/s
const CREDENTIAL = /^([A-Za-z0-9_-]{1,128})\/([0-9]{8})\/([a-z0-9-]{1,40})\/([a-z0-9-]{1,40})\/aws4_request$/

export interface AuthorizationHeader {
  readonly credential: string | undefined
  readonly signedHeaders: string | undefined
  readonly signature: string | undefined
}

/** The parts of a SigV4 `Authorization` header; nothing when it is of another kind. */
export const parseAuthorization = (header: string): AuthorizationHeader | undefined => {
  const parts = AUTHORIZATION.exec(header)?.[1]?.split(/[,\s]+/)
  if (!parts) return undefined
  const part = (name: string) => parts.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1)
  return { credential: part('Credential'), signedHeaders: part('SignedHeaders'), signature: part('Signature') }
}

export const parseCredential = (text: string): Credential | undefined => {
  const [, accessKeyId, date, region, service] = CREDENTIAL.exec(text) ?? []
  return accessKeyId && date && region && service ? { accessKeyId, date, region, service } : undefined
}

/** The credential of a request, if it bears one. */
export const credentialOf = (url: URL, headers: Headers): Credential | undefined => {
  const authorization = headers.get('authorization')
  const text = authorization ? parseAuthorization(authorization)?.credential : url.searchParams.get('X-Amz-Credential')
  return text ? parseCredential(text) : undefined
}

/**
 * Account and region that a request is about when nobody verifies signatures. An access key of twelve digits stands
 * for that account, as it does with other local servers, so that accounts can be told apart without issuing keys.
 */
export const scopeOf = (credential: Credential | undefined, home: Scope = DEFAULT_SCOPE): Scope => ({
  account: credential && isAccount(credential.accessKeyId) ? credential.accessKeyId : home.account,
  region: credential?.region ?? home.region,
})

export const incomplete = (message: string): SqsError => new SqsError('IncompleteSignature', message)
