import { awsFailure } from '../runtime/aws-failure.ts'
import { serviceUrl } from '../runtime/service-url.ts'
import { signedPost } from '../runtime/signed-post.ts'

/**
 * Loads the text of a secret, for `keyRing`, with one signed request: AWS's client would be most of the function's code.
 * Credentials, and an endpoint other than AWS's, come from the environment.
 */
export const secretText =
  (secretArn: string): (() => Promise<string>) =>
  async () => {
    const region = secretArn.split(':')[3]
    if (!region) throw new Error(`${secretArn} is not the ARN of a secret`)
    const response = await signedPost({
      service: 'secretsmanager',
      region,
      url: serviceUrl({ id: 'SECRETS_MANAGER', host: 'secretsmanager', region }),
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' },
      body: JSON.stringify({ SecretId: secretArn }),
    })
    const answer = (await response.json()) as { SecretString?: unknown; __type?: unknown }
    // The deployment creates the secret without a value: no keys are issued yet.
    if (String(answer.__type).endsWith('ResourceNotFoundException')) return '{"keys":[]}'
    if (!response.ok || typeof answer.SecretString !== 'string') {
      const type = String(answer.__type ?? '')
      throw awsFailure(
        `the secret with the access keys could not be read: ${response.status} ${type}`,
        response.status,
        type,
      )
    }
    return answer.SecretString
  }
