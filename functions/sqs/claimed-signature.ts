import {
  type AuthorizationHeader,
  type Credential,
  incomplete,
  parseAuthorization,
  parseCredential,
} from './credential.ts'
import { SqsError } from './errors.ts'
import type { SqsRequest } from './request.ts'

export type SignedRequest = Pick<SqsRequest, 'method' | 'url' | 'header'>

/** The signature that a request has, with its parameters. Nothing of it is verified yet. */
export interface ClaimedSignature {
  readonly credential: Credential
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly signedAt: Date
  /** How long the signature is valid; a presigned URL states it. */
  readonly expiresSeconds: number
  readonly presigned: boolean
}

/** How far from now a signature's instant may lie. */
export const WINDOW_SECONDS = 15 * 60
/** SigV4's own limit for a presigned URL. */
const MAX_EXPIRES_SECONDS = 7 * 24 * 60 * 60
const ALGORITHM = 'AWS4-HMAC-SHA256'
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const SIGNATURE = /^[0-9a-f]{64}$/

/**
 * Reads the signature of a request, in its headers or in its URL.
 *
 * @throws `MissingAuthenticationToken`, `IncompleteSignature`
 */
export const claimedSignature = (request: SignedRequest): ClaimedSignature => {
  const { header } = request
  const query = request.url().searchParams
  const presigned = header('authorization') === undefined
  checkSignatureParameters(query, presigned)
  const { credential: text, signedHeaders, signature } = signatureParts(request)
  const credential = parseCredential(text)
  if (!credential) throw incomplete('Credential must be of the form <key>/<date>/<region>/sqs/aws4_request.')
  const signedAt = instant(presigned ? query.get('X-Amz-Date') : header('x-amz-date'))
  if (!signedAt) throw incomplete("Authorization requires existence of a valid 'X-Amz-Date'.")
  const expiresSeconds = presigned ? expiry(query.get('X-Amz-Expires')) : WINDOW_SECONDS
  return { credential, signedHeaders, signature, signedAt, expiresSeconds, presigned }
}

interface SignatureParts {
  readonly credential: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

const signatureParts = ({ url, header }: SignedRequest): SignatureParts => {
  const authorization = header('authorization')
  const parts = authorization === undefined ? fromQuery(url().searchParams) : parseAuthorization(authorization)
  if (!parts) throw incomplete(`Authorization must use the algorithm ${ALGORITHM}.`)
  const { credential, signedHeaders, signature } = parts
  const prefix = authorization === undefined ? 'X-Amz-' : ''
  const required = (name: string): SqsError => incomplete(`Authorization requires '${prefix}${name}' parameter.`)
  if (!credential) throw required('Credential')
  if (!signedHeaders) throw required('SignedHeaders')
  if (!signature || !SIGNATURE.test(signature)) throw required('Signature')
  const names = signedHeaders.split(';')
  if (!names.every((name) => HEADER_NAME.test(name)) || !isAscending(names)) {
    throw incomplete(
      `'${prefix}SignedHeaders' must be the names of headers in lower case, each once and in order, with semicolons between.`,
    )
  }
  return { credential, signedHeaders: names, signature }
}

const fromQuery = (query: URLSearchParams): AuthorizationHeader | undefined => {
  if (!query.has('X-Amz-Signature') && !query.has('X-Amz-Credential')) {
    throw new SqsError('MissingAuthenticationToken', 'Request is missing Authentication Token')
  }
  if (query.get('X-Amz-Algorithm') !== ALGORITHM) return undefined
  return {
    credential: query.get('X-Amz-Credential') ?? undefined,
    signedHeaders: query.get('X-Amz-SignedHeaders') ?? undefined,
    signature: query.get('X-Amz-Signature') ?? undefined,
  }
}

/**
 * The signer ignores signatures in the URL, in any case of letters. So a URL with a second one would be accepted.
 *
 * @throws `IncompleteSignature`
 */
const checkSignatureParameters = (query: URLSearchParams, presigned: boolean): void => {
  for (const name of query.keys()) {
    if (name.toLowerCase() !== 'x-amz-signature' || (presigned && name === 'X-Amz-Signature')) continue
    throw incomplete('A request must be signed in its headers or in its URL, not in both.')
  }
}

const isAscending = (names: readonly string[]): boolean =>
  names.every((name, position) => position === 0 || name > String(names[position - 1]))

const instant = (text: string | null | undefined): Date | undefined => {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? '') ?? []
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(date.getTime()) ? undefined : date
}

const expiry = (text: string | null): number => {
  const seconds = /^[1-9][0-9]{0,5}$/.test(text ?? '') ? Number(text) : Number.NaN
  if (!(seconds >= 1 && seconds <= MAX_EXPIRES_SECONDS))
    throw incomplete(`X-Amz-Expires must be from 1 to ${MAX_EXPIRES_SECONDS} seconds.`)
  return seconds
}
