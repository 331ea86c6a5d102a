import { createHash } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'

/** How long to wait for a service of AWS, ms. */
const TIMEOUT_MS = 3_000

export interface SignedPost {
  /** Name of the service in the signature, e.g. `secretsmanager`. */
  readonly service: string
  readonly region: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** @default those of the environment, as Lambda sets them */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  /** How long to wait, ms. */
  readonly timeoutMs?: number
}

const environmentCredentials = ({
  AWS_ACCESS_KEY_ID = '',
  AWS_SECRET_ACCESS_KEY = '',
  AWS_SESSION_TOKEN,
}: NodeJS.ProcessEnv) => ({
  accessKeyId: AWS_ACCESS_KEY_ID,
  secretAccessKey: AWS_SECRET_ACCESS_KEY,
  ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
})

/** Sends one request to a service of AWS: its client would be most of the function's code. */
export const signedPost = async ({
  service,
  region,
  url,
  headers,
  body,
  credentials = environmentCredentials(process.env),
  timeoutMs = TIMEOUT_MS,
}: SignedPost): Promise<Response> => {
  const signer = new SignatureV4({
    service,
    region,
    credentials,
    sha256: Sha256,
  })
  const signed = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    headers: {
      host: url.host,
      'x-amz-content-sha256': createHash('sha256').update(body).digest('hex'),
      ...headers,
    },
    body,
  })
  return fetch(url, { method: 'POST', headers: signed.headers, body, signal: AbortSignal.timeout(timeoutMs) })
}
