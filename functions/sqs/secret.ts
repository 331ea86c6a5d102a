import { createHash } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'

/** Longest wait for Secrets Manager, ms. */
const TIMEOUT_MS = 3_000

/**
 * The text of a secret, for `keyRing`: one signed request, where AWS's client for it would be most of the function.
 * Credentials, and an endpoint other than AWS's (AWS_ENDPOINT_URL_SECRETS_MANAGER), come from the environment.
 */
export const secretText =
  (secretArn: string): (() => Promise<string>) =>
  async () => {
    const region = secretArn.split(':')[3]
    if (!region) throw new Error(`${secretArn} is not the ARN of a secret`)
    const {
      AWS_ACCESS_KEY_ID = '',
      AWS_SECRET_ACCESS_KEY = '',
      AWS_SESSION_TOKEN,
      AWS_ENDPOINT_URL_SECRETS_MANAGER,
    } = process.env
    const suffix = secretArn.startsWith('arn:aws-cn:') ? '.cn' : ''
    const url = new URL(AWS_ENDPOINT_URL_SECRETS_MANAGER ?? `https://secretsmanager.${region}.amazonaws.com${suffix}`)
    const body = JSON.stringify({ SecretId: secretArn })
    const signer = new SignatureV4({
      service: 'secretsmanager',
      region,
      credentials: {
        accessKeyId: AWS_ACCESS_KEY_ID,
        secretAccessKey: AWS_SECRET_ACCESS_KEY,
        ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
      },
      sha256: Sha256,
    })
    const { headers } = await signer.sign({
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      path: '/',
      headers: {
        host: url.host,
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'secretsmanager.GetSecretValue',
        'x-amz-content-sha256': createHash('sha256').update(body).digest('hex'),
      },
      body,
    })
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) })
    const answer = (await response.json()) as { SecretString?: unknown; __type?: unknown }
    // The deployment makes the secret without a value: no keys have been issued yet.
    if (String(answer.__type).endsWith('ResourceNotFoundException')) return '{"keys":[]}'
    if (!response.ok || typeof answer.SecretString !== 'string') {
      throw new Error(
        `the secret with the access keys could not be read: ${response.status} ${String(answer.__type ?? '')}`,
      )
    }
    return answer.SecretString
  }
