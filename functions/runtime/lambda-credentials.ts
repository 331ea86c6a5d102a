import type { AwsCredentialIdentityProvider } from '@aws-sdk/types'

/**
 * Credentials as Lambda provides them: in the environment, for the life of the process. In the deployed bundles this
 * module replaces `@aws-sdk/credential-provider-node`, which also looks for profiles, SSO and instance metadata and
 * would add 135 KB to each cold start.
 */
export const defaultProvider = (): AwsCredentialIdentityProvider => async () => {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = process.env
  if (!accessKeyId || !secretAccessKey)
    throw new Error('the environment holds no credentials: this bundle is for Lambda')
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
}
