import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { HoldfastError, isHoldfastError, reasonOf } from '../model/errors.ts'
import { missingSetting } from '../model/missing-settings.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** The instant of the signature, which the server compares with its own clock. */
  readonly at: Date
}

/**
 * Returns the headers to send.
 *
 * @throws `StoreUnavailable` without credentials or a region, whose source may answer later; `AccessDenied`
 */
export type Sign = (request: HttpRequest) => Promise<Readonly<Record<string, string>>>

/** For a server that needs no signature, such as a local one. */
export const unsigned: Sign = async ({ headers }) => headers

/** SigV4 for API Gateway's IAM authorization (`execute-api`). */
export const signer = (credentials: () => Promise<Credentials>, region: () => Promise<string>): Sign => {
  let signing: Promise<SignatureV4> | undefined
  const open = async () =>
    new SignatureV4({
      service: 'execute-api',
      region: await region(),
      credentials: async () => {
        const { accessKeyId, secretAccessKey, sessionToken } = complete(await credentials())
        return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
      },
      sha256: Sha256,
    })
  return async ({ method, url, headers, body, at }) => {
    signing ??= open()
    const query: Record<string, string> = Object.fromEntries(url.searchParams)
    try {
      const request = {
        method,
        protocol: url.protocol,
        hostname: url.hostname,
        ...(url.port && { port: Number(url.port) }),
        path: url.pathname,
        query,
        headers: { ...headers, host: url.host },
        body,
      }
      const signed = await (await signing).sign(request, { signingDate: at })
      const { host: _, ...rest } = signed.headers
      return rest
    } catch (cause) {
      signing = undefined
      if (isHoldfastError(cause)) throw cause
      const message = `the request could not be signed: ${reasonOf(cause)}`
      throw missingSetting(cause) ?? new HoldfastError('AccessDenied', message, {}, { cause })
    }
  }
}

/** Credentials as read from variables that may not be set. */
const complete = (credentials: Credentials): Credentials => {
  const missing = (['accessKeyId', 'secretAccessKey'] as const).filter((name) => !credentials?.[name])
  if (missing.length === 0) return credentials
  throw new HoldfastError('AccessDenied', `the credentials of the client have no ${missing.join(' and no ')}`)
}

/** The region in an execute-api address. */
export const regionOfUrl = ({ hostname }: URL): string | undefined =>
  /^[a-z0-9]+(?:-vpce[\w-]*)?\.execute-api(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?amazonaws\.com(?:\.cn)?$/.exec(
    hostname,
  )?.[1]
