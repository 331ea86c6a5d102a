export interface ServiceAddress {
  /** The service's id in the names of environment variables. */
  readonly id: 'CLOUDWATCH' | 'CLOUDWATCH_LOGS' | 'LAMBDA' | 'SECRETS_MANAGER'
  /** The first part of its host's name. */
  readonly host: string
  readonly region: string
  /** @default `/` */
  readonly path?: string
}

/**
 * Where a service of AWS is, by the rules of AWS's clients: AWS_ENDPOINT_URL_<id> takes precedence over AWS_ENDPOINT_URL, and
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS turns both off. https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export const serviceUrl = (
  { id, host, region, path = '/' }: ServiceAddress,
  env: NodeJS.ProcessEnv = process.env,
): URL => {
  const ignored = env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?.toLowerCase() === 'true'
  const configured = ignored ? undefined : env[`AWS_ENDPOINT_URL_${id}`] || env.AWS_ENDPOINT_URL
  const suffix = region.startsWith('cn-') ? '.cn' : ''
  const endpoint = configured || `https://${host}.${region}.amazonaws.com${suffix}`
  // An endpoint may have a path of its own.
  return new URL(`${endpoint.replace(/\/+$/, '')}${path}`)
}
