/** Region and credentials for emulators, which require some and do not check them. */
export const LOCAL_ACCESS = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
} as const

/** `LOCAL_ACCESS`, without the region or the credentials where the environment configures them. */
export const standInCredentials = (env: NodeJS.ProcessEnv): Partial<typeof LOCAL_ACCESS> => {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID } = env
  const configured =
    AWS_PROFILE || AWS_ACCESS_KEY_ID || env.AWS_WEB_IDENTITY_TOKEN_FILE || env.AWS_CONTAINER_CREDENTIALS_FULL_URI
  return {
    ...(!(AWS_REGION || AWS_DEFAULT_REGION || AWS_PROFILE) && { region: LOCAL_ACCESS.region }),
    ...(!configured && { credentials: LOCAL_ACCESS.credentials }),
  }
}
