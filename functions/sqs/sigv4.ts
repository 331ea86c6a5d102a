import { createHash, timingSafeEqual } from 'node:crypto'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type ClaimedSignature, claimedSignature, type SignedRequest, WINDOW_SECONDS } from './claimed-signature.ts'
import { computeSignature } from './compute-signature.ts'
import { SqsError } from './errors.ts'
import type { IssuedKey, KeyRing } from './keys.ts'
import { checkGivenOnce } from './query-protocol.ts'

/** The verified sender of a request. */
export interface Principal {
  readonly key: IssuedKey
  /** The region of the signature's scope. */
  readonly region: string
}

/** Verifies a request. @throws `SqsError` with SigV4's code for the fault */
export type Authenticator = (request: SignedRequest, body: Uint8Array) => Promise<Principal>

/** Headers that the server acts on must be signed. Otherwise a copied signature could be used for another action. */
const ALWAYS_SIGNED = ['host', 'x-amz-date', 'x-amz-target', 'x-amz-content-sha256', 'x-amz-security-token']

/**
 * Verifies AWS Signature Version 4, in headers or in a presigned URL, against keys that the operator issued. It computes
 * the signature of the request as received and compares the two in constant time.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export const sigv4Authenticator =
  ({ keys, clock = systemClock, basePath = '', service = 'sqs' }: SigV4Parts): Authenticator =>
  async (request, body) => {
    checkGivenOnce('', request.url().searchParams)
    const claimed = claimedSignature(request)
    refuseSessionToken(request)
    if (claimed.credential.service !== service) {
      throw mismatch(`Credential should be scoped to correct service: '${service}'.`)
    }
    checkTime(claimed, clock.now())
    checkBodyHash(request, body)
    checkSignedHeaders(request, claimed)
    const key = await keys.find(claimed.credential.accessKeyId)
    if (!key) throw new SqsError('InvalidClientTokenId', 'The security token included in the request is invalid.')
    for (const path of signedPaths(request.url().pathname, basePath)) {
      if (isSame(await computeSignature(request, path, body, claimed, key), claimed.signature)) {
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
  /** Service of the signature's scope. @default `sqs` */
  readonly service?: string
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

const refuseSessionToken = ({ url, header }: SignedRequest): void => {
  if (header('x-amz-security-token') !== undefined || url().searchParams.has('X-Amz-Security-Token')) {
    throw new SqsError(
      'InvalidClientTokenId',
      "Session tokens are not accepted here: sign with an access key that this endpoint's operator issued.",
    )
  }
}

const checkTime = ({ credential, signedAt, expiresSeconds }: ClaimedSignature, now: number): void => {
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

const checkSignedHeaders = ({ header }: SignedRequest, { signedHeaders }: ClaimedSignature): void => {
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
