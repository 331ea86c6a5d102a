import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { START } from '../../support/manual-clock.ts'

export const KEY = { accessKeyId: 'HFEXAMPLEKEY', secretAccessKey: 'a-secret-of-the-operator' }

interface Signing {
  readonly key?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  readonly region?: string
  readonly service?: string
  readonly at?: number
}

const signer = ({ key = KEY, region = 'us-east-1', service = 'sqs' }: Signing) =>
  new SignatureV4({ credentials: key, region, service, sha256: Sha256 })

/** A request as an SDK signs it: in its headers. */
export const signed = async (
  url: string,
  { method = 'POST', body = '', headers = {} }: { method?: string; body?: string; headers?: Record<string, string> },
  signing: Signing = {},
): Promise<Request> => {
  const { protocol, hostname, host, pathname, searchParams } = new URL(url)
  const request = await signer(signing).sign(
    {
      method,
      protocol,
      hostname,
      path: pathname,
      query: Object.fromEntries(searchParams),
      headers: { host, ...headers },
      ...(body && { body }),
    },
    { signingDate: new Date(signing.at ?? START) },
  )
  return new Request(url, { method, headers: request.headers, ...(body && { body }) })
}

export const signedJson = (action: string, input: object, signing: Signing = {}, url = 'http://localhost:9324/') =>
  signed(
    url,
    {
      body: JSON.stringify(input),
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` },
    },
    signing,
  )

/** A URL that carries its signature. */
export const presigned = async (url: string, signing: Signing & { expiresIn?: number } = {}): Promise<string> => {
  const { protocol, hostname, host, pathname, searchParams } = new URL(url)
  const { query = {} } = await signer(signing).presign(
    { method: 'GET', protocol, hostname, path: pathname, query: Object.fromEntries(searchParams), headers: { host } },
    { signingDate: new Date(signing.at ?? START), expiresIn: signing.expiresIn ?? 300 },
  )
  const parameters = Object.entries(query).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  )
  return `${protocol}//${host}${pathname}?${parameters.join('&')}`
}
