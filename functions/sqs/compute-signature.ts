import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import type { ClaimedSignature, SignedRequest } from './claimed-signature.ts'
import { parseAuthorization } from './credential.ts'
import type { IssuedKey } from './keys.ts'

/** The signature that `key` gives to the request as received, over the headers that the claimed signature names. */
export const computeSignature = async (
  request: SignedRequest,
  path: string,
  body: Uint8Array,
  claimed: ClaimedSignature,
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
