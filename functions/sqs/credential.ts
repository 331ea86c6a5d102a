import { SqsError } from './errors.ts'
import { memoized } from './memoized.ts'
import { isAccount, type Scope } from './queue-url.ts'
import type { SqsRequest } from './request.ts'

/** The credential scope of a signature, verified or not. */
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
 * The parts of a SigV4 `Authorization` header; nothing for a header of another kind.
 *
 * @throws `IncompleteSignature` for a part that is unknown or given twice
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
 * The scope of a request where signatures are not verified. An access key of twelve digits is the id of its account, as
 * with other local servers, so that clients can use several accounts without issued keys.
 */
export const scopes = (home: Scope): ((request: SqsRequest) => Scope) => {
  const scopeOf = memoized((text: string): Scope => {
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
