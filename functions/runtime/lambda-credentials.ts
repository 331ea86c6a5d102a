import type { AwsCredentialIdentityProvider } from '@aws-sdk/types'

/**
 * Credentials as Lambda gives them: in the environment, for the life of the process. In the deployed bundles this
 * stands in for `@aws-sdk/credential-provider-node`, which looks for profiles, SSO and instance metadata as well:
 * 135 KB that a cold start would load for nothing.
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
