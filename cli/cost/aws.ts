import { type ServiceAddress, serviceUrl } from '../../functions/runtime/service-url.ts'
import { type SignedPost, signedPost } from '../../functions/runtime/signed-post.ts'

/** The caller's credentials, and the region of the requests. */
export interface AwsAccess {
  readonly region: string
  readonly credentials: NonNullable<SignedPost['credentials']>
}

const SERVICES = {
  logs: { id: 'CLOUDWATCH_LOGS', host: 'logs', signedAs: 'logs', target: 'Logs_20140328', version: '1.1' },
  metrics: {
    id: 'CLOUDWATCH',
    host: 'monitoring',
    signedAs: 'monitoring',
    target: 'GraniteServiceVersion20100801',
    version: '1.0',
  },
} as const satisfies Record<
  string,
  Omit<ServiceAddress, 'region'> & { signedAs: string; target: string; version: string }
>

/**
 * Calls an action of CloudWatch, or of its logs. Their clients would be two more packages to install.
 *
 * @throws `Error` with AWS's message and the action
 */
export const callAws = async <T>(
  { region, credentials }: AwsAccess,
  service: keyof typeof SERVICES,
  action: string,
  input: object,
): Promise<T> => {
  const { id, host, signedAs, target, version } = SERVICES[service]
  const response = await signedPost({
    service: signedAs,
    region,
    credentials,
    url: serviceUrl({ id, host, region }),
    headers: { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': `${target}.${action}` },
    body: JSON.stringify(input),
    timeoutMs: TIMEOUT_MS,
  })
  const text = await response.text()
  if (response.ok) return JSON.parse(text) as T
  throw new Error(`${signedAs}:${action} failed: ${reasonIn(text) ?? response.status}`)
}

const TIMEOUT_MS = 20_000

const reasonIn = (text: string): string | undefined => {
  try {
    const { __type, message, Message } = JSON.parse(text) as { __type?: string; message?: string; Message?: string }
    return message ?? Message ?? __type
  } catch {
    return undefined
  }
}
