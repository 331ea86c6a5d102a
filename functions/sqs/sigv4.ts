import { createHash, createHmac, type Hash, type Hmac, timingSafeEqual } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type Credential, incomplete, parseAuthorization, parseCredential } from './credential.ts'
import { SqsError } from './errors.ts'
import type { IssuedKey, KeyRing } from './keys.ts'
import { checkGivenOnce } from './query-protocol.ts'
import type { SqsRequest } from './request.ts'

type SignedRequest = Pick<SqsRequest, 'method' | 'url' | 'header'>

/** The verified sender of a request. */
export interface Principal {
  readonly key: IssuedKey
  /** The region of the signature's scope. */
  readonly region: string
}

/** Verifies a request. @throws `SqsError` with SigV4's code for the fault */
export type Authenticator = (request: SignedRequest, body: Uint8Array) => Promise<Principal>

interface Signature {
  readonly credential: Credential
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly signedAt: Date
  /** How long the signature is valid; a presigned URL states it. */
  readonly expiresSeconds: number
  readonly presigned: boolean
}

const WINDOW_SECONDS = 15 * 60
const MAX_EXPIRES_SECONDS = 7 * 24 * 60 * 60
const ALGORITHM = 'AWS4-HMAC-SHA256'
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
/** Headers that the server acts on must be signed. Otherwise a copied signature could be used for another action. */
const ALWAYS_SIGNED = ['host', 'x-amz-date', 'x-amz-target', 'x-amz-content-sha256', 'x-amz-security-token']

/**
 * Verifies AWS Signature Version 4, in headers or in a presigned URL, against keys that the operator issued. It computes
 * the signature of the request as received and compares the two in constant time.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export const sigv4Authenticator =
  ({ keys, clock = systemClock, basePath = '' }: SigV4Parts): Authenticator =>
  async (request, body) => {
    checkGivenOnce('', request.url().searchParams)
    const claimed = signatureOf(request)
    refuseSessionToken(request)
    if (claimed.credential.service !== 'sqs') throw mismatch("Credential should be scoped to correct service: 'sqs'.")
    checkTime(claimed, clock.now())
    checkBodyHash(request, body)
    checkSignedHeaders(request, claimed)
    const key = await keys.find(claimed.credential.accessKeyId)
    if (!key) throw new SqsError('InvalidClientTokenId', 'The security token included in the request is invalid.')
    for (const path of signedPaths(request.url().pathname, basePath)) {
      if (isSame(await sign(request, path, body, claimed, key), claimed.signature)) {
        return { key, region: claimed.credential.region }
      }
    }
    throw mismatch(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    )
  }

export interface SigV4Parts {
  readonly keys: KeyRing
  readonly clock?: Clock
  /**
   * Path under which a custom domain maps to this endpoint, e.g. `/base`: clients sign it, and gateways differ in whether
   * they hand it over. @default none
   */
  readonly basePath?: string
}

/** The paths that a client may have signed: the one received, or the same below the base path. */
const signedPaths = (received: string, basePath: string): string[] =>
  basePath === '' || received === basePath || received.startsWith(`${basePath}/`)
    ? [received]
    : [received, `${basePath}${received}`]

const isSame = (expected: string, given: string): boolean => {
  const [one, other] = [Buffer.from(expected, 'hex'), Buffer.from(given, 'hex')]
  return one.length === other.length && timingSafeEqual(one, other)
}

const mismatch = (message: string): SqsError => new SqsError('SignatureDoesNotMatch', message)

const signatureOf = ({ url, header }: SignedRequest): Signature => {
  const authorization = header('authorization')
  const query = url().searchParams
  const presigned = authorization === undefined
  checkSignatureParameters(query, presigned)
  if (presigned && !query.has('X-Amz-Signature') && !query.has('X-Amz-Credential')) {
    throw new SqsError('MissingAuthenticationToken', 'Request is missing Authentication Token')
  }
  const parts = authorization === undefined ? fromQuery(query) : parseAuthorization(authorization)
  if (!parts) throw incomplete(`Authorization must use the algorithm ${ALGORITHM}.`)
  const { credential: text, signedHeaders, signature } = parts
  const name = presigned ? 'X-Amz-' : ''
  if (!text) throw incomplete(`Authorization requires '${name}Credential' parameter.`)
  if (!signedHeaders) throw incomplete(`Authorization requires '${name}SignedHeaders' parameter.`)
  if (!signature || !/^[0-9a-f]{64}$/.test(signature))
    throw incomplete(`Authorization requires '${name}Signature' parameter.`)
  const names = signedHeaders.split(';')
  if (!names.every((one) => HEADER_NAME.test(one)) || !isAscending(names)) {
    throw incomplete(
      `'${name}SignedHeaders' must be the names of headers in lower case, each once and in order, with semicolons between.`,
    )
  }
  const credential = parseCredential(text)
  if (!credential) throw incomplete('Credential must be of the form <key>/<date>/<region>/sqs/aws4_request.')
  const signedAt = instant(presigned ? query.get('X-Amz-Date') : header('x-amz-date'))
  if (!signedAt) throw incomplete("Authorization requires existence of a valid 'X-Amz-Date'.")
  return {
    credential,
    signedHeaders: names,
    signature,
    signedAt,
    expiresSeconds: presigned ? expiry(query.get('X-Amz-Expires')) : WINDOW_SECONDS,
    presigned,
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

const fromQuery = (query: URLSearchParams) =>
  query.get('X-Amz-Algorithm') === ALGORITHM
    ? {
        credential: query.get('X-Amz-Credential') ?? undefined,
        signedHeaders: query.get('X-Amz-SignedHeaders') ?? undefined,
        signature: query.get('X-Amz-Signature') ?? undefined,
      }
    : undefined

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

const refuseSessionToken = ({ url, header }: SignedRequest): void => {
  if (header('x-amz-security-token') !== undefined || url().searchParams.has('X-Amz-Security-Token')) {
    throw new SqsError(
      'InvalidClientTokenId',
      "Session tokens are not accepted here: sign with an access key that this endpoint's operator issued.",
    )
  }
}

const checkTime = ({ credential, signedAt, expiresSeconds }: Signature, now: number): void => {
  const signed = compact(signedAt.getTime())
  if (credential.date !== signed.slice(0, 8)) {
    throw mismatch('Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP')
  }
  const oldest = now - expiresSeconds * 1_000
  if (signedAt.getTime() < oldest)
    throw mismatch(
      `Signature expired: ${signed} is now earlier than ${compact(oldest)} (${compact(now)} - ${expiresSeconds} s.)`,
    )
  const newest = now + WINDOW_SECONDS * 1_000
  if (signedAt.getTime() > newest)
    throw mismatch(
      `Signature not yet current: ${signed} is still later than ${compact(newest)} (${compact(now)} + 15 min.)`,
    )
}

const compact = (at: number): string => new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')

/** A hash in the headers must be that of the body. SQS does not accept `UNSIGNED-PAYLOAD` or streams. */
const checkBodyHash = ({ header }: SignedRequest, body: Uint8Array): void => {
  const claimed = header('x-amz-content-sha256')
  if (claimed !== undefined && claimed !== createHash('sha256').update(body).digest('hex')) {
    throw mismatch('The value of x-amz-content-sha256 is not the SHA-256 of the request body.')
  }
}

const checkSignedHeaders = ({ header }: SignedRequest, { signedHeaders }: Signature): void => {
  for (const name of ALWAYS_SIGNED) {
    if ((name === 'host' || header(name) !== undefined) && !signedHeaders.includes(name)) {
      throw mismatch(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`)
    }
  }
  for (const name of signedHeaders) {
    if (name !== 'host' && header(name) === undefined) {
      throw mismatch(`'${name}' is a 'SignedHeader' in the AWS Authorization, but the request has no such header.`)
    }
  }
}

const sign = async (
  request: SignedRequest,
  path: string,
  body: Uint8Array,
  claimed: Signature,
  key: IssuedKey,
): Promise<string> => {
  const { credential, signedHeaders, signedAt: signingDate } = claimed
  const signableHeaders = new Set(signedHeaders)
  const signer = new SignatureV4({
    service: credential.service,
    region: credential.region,
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey },
    sha256: Sha256,
    applyChecksum: false,
  })
  const message = canonicalMessage(request, path, body, signedHeaders)
  if (claimed.presigned) {
    const { query } = await signer.presign(message, {
      signingDate,
      signableHeaders,
      unhoistableHeaders: signableHeaders,
      expiresIn: claimed.expiresSeconds,
    })
    return String(query?.['X-Amz-Signature'])
  }
  const { headers } = await signer.sign(message, { signingDate, signableHeaders })
  return parseAuthorization(String(headers.authorization))?.signature ?? ''
}

/** The request with its signed headers alone: proxies add others. */
const canonicalMessage = (
  { method, url, header }: SignedRequest,
  path: string,
  body: Uint8Array,
  signedHeaders: readonly string[],
) => {
  const { host, searchParams, protocol, hostname } = url()
  const signed: Record<string, string> = Object.create(null)
  for (const name of signedHeaders) {
    const value = name === 'host' ? (header('host') ?? host) : header(name)
    if (value !== undefined) signed[name] = value
  }
  const query: Record<string, string | string[]> = Object.create(null)
  for (const name of new Set(searchParams.keys())) {
    if (name === 'X-Amz-Signature') continue
    const values = searchParams.getAll(name)
    query[name] = values.length === 1 ? String(values[0]) : values
  }
  return { method, protocol, hostname, path, headers: signed, query, body }
}

/** SHA-256 in the form that the signer expects, computed natively. */
class Sha256 {
  readonly #hash: Hash | Hmac
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytes(secret))
  }
  update(data: Uint8Array): void {
    this.#hash.update(data)
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
  reset(): void {}
}

const bytes = (data: string | ArrayBuffer | ArrayBufferView): Uint8Array =>
  typeof data === 'string'
    ? Buffer.from(data, 'utf8')
    : ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data)
