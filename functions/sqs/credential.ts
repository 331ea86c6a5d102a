import { SqsError } from './errors.ts'
import { isAccount, type Scope } from './queue-url.ts'
import { remembered } from './remembered.ts'
import type { SqsRequest } from './request.ts'

/** Who a request says it is from, and for which region: the credential scope of its signature, verified or not. */
export interface Credential {
  readonly accessKeyId: string
  /** `YYYYMMDD` */
  readonly date: string
  readonly region: string
  readonly service: string
}

const AUTHORIZATION = /^AWS4-HMAC-SHA256\s/
const CREDENTIAL = /^([A-Za-z0-9_-]{1,128})\/([0-9]{8})\/([a-z0-9-]{1,40})\/([a-z0-9-]{1,40})\/aws4_request$/

export interface AuthorizationHeader {
  readonly credential: string | undefined
  readonly signedHeaders: string | undefined
  readonly signature: string | undefined
}

const PARTS = ['Credential', 'SignedHeaders', 'Signature']

/**
 * The parts of a SigV4 `Authorization` header, each at most once and nothing else beside them; nothing when it is of
 * another kind.
 */
export const parseAuthorization = (header: string): AuthorizationHeader | undefined => {
  if (!AUTHORIZATION.test(header)) return undefined
  const parts = new Map<string, string>()
  for (const part of header.replace(AUTHORIZATION, '').split(',')) {
    const [, name = '', value = ''] = /^([A-Za-z]+)=(\S*)$/.exec(part.trim()) ?? []
    if (!PARTS.includes(name) || parts.has(name)) {
      throw incomplete(`Authorization must consist of ${PARTS.join(', ')}, each once and with a comma between.`)
    }
    parts.set(name, value)
  }
  return {
    credential: parts.get('Credential'),
    signedHeaders: parts.get('SignedHeaders'),
    signature: parts.get('Signature'),
  }
}

const CREDENTIAL_PART = /[,\s]Credential=([^,\s]*)/

const credentialIn = (header: string): string | undefined =>
  AUTHORIZATION.test(header) ? CREDENTIAL_PART.exec(header)?.[1] : undefined

export const parseCredential = (text: string): Credential | undefined => {
  const [, accessKeyId, date, region, service] = CREDENTIAL.exec(text) ?? []
  return accessKeyId && date && region && service ? { accessKeyId, date, region, service } : undefined
}

/**
 * Account and region that a request is about when nobody verifies signatures. An access key of twelve digits stands
 * for that account, as it does with other local servers, so that accounts can be told apart without issuing keys.
 */
export const scopes = (home: Scope): ((request: SqsRequest) => Scope) => {
  const scopeOf = remembered((text: string): Scope => {
    const credential = parseCredential(text)
    return {
      account: credential && isAccount(credential.accessKeyId) ? credential.accessKeyId : home.account,
      region: credential?.region ?? home.region,
    }
  })
  return (request) => {
    const authorization = request.header('authorization')
    const text = authorization ? credentialIn(authorization) : request.url().searchParams.get('X-Amz-Credential')
    return text ? scopeOf(text) : home
  }
}

export const incomplete = (message: string): SqsError => new SqsError('IncompleteSignature', message)
