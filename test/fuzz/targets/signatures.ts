import { scopes } from '../../../functions/sqs/credential.ts'
import { SqsError } from '../../../functions/sqs/errors.ts'
import { DEFAULT_SCOPE } from '../../../functions/sqs/queue-url.ts'
import type { SqsRequest } from '../../../functions/sqs/request.ts'
import { sigv4Authenticator } from '../../../functions/sqs/sigv4.ts'
import { isSqsRequest } from '../../../functions/sqs/sqs-request.ts'
import { KEY, presigned, signedJson } from '../../functions/sqs/signing.ts'
import { hastyClock } from '../../support/manual-clock.ts'
import { demand, orRefusal } from '../judge.ts'
import { type Step, stepsOf } from '../target.ts'

const QUEUE = 'http://localhost:9324/000000000000/orders'
const INPUT = { QueueUrl: QUEUE }

/** The only requests whose signatures are right: no input has the key. */
const signedRequests = (): Promise<Request[]> =>
  Promise.all([
    signedJson('ReceiveMessage', INPUT),
    signedJson('SendMessage', { ...INPUT, MessageBody: 'hello' }),
    presigned(`${QUEUE}?Action=ReceiveMessage`).then((url) => new Request(url)),
  ])

/** What a signature must fix of a request: nobody else may change it. */
interface Fixed {
  readonly method: string
  readonly path: string
  readonly action: string | null
  readonly body: string
}

const fixedIn = ({ method, path, action, body }: Fixed): string => JSON.stringify([method, path, action, body])

let allowed: Promise<ReadonlySet<string>> | undefined

const allowedRequests = async (): Promise<ReadonlySet<string>> => {
  const fixed = (await signedRequests()).map(async (request) => {
    const { pathname, searchParams } = new URL(request.url)
    const action = request.headers.get('x-amz-target') ?? searchParams.get('Action')
    return fixedIn({ method: request.method, path: pathname, action, body: await request.text() })
  })
  return new Set(await Promise.all(fixed))
}

const authenticate = sigv4Authenticator({
  keys: { find: async (id) => (id === KEY.accessKeyId ? KEY : undefined) },
  clock: hastyClock(),
})
const scopeOf = scopes(DEFAULT_SCOPE)

/** A signed request, in its headers or in its URL: the first line is the method, the path and the query. */
export const fuzz = async (data: Buffer): Promise<void> => {
  allowed ??= allowedRequests()
  for (const step of stepsOf(data, (text) => text)) await tried(step(), await allowed)
}

const tried = async ({ head, headers, body }: Step, known: ReadonlySet<string>): Promise<void> => {
  const [method = '', target = '/'] = head.split(' ')
  if (!URL.canParse(target, QUEUE)) return
  const url = new URL(target, QUEUE)
  const header = (name: string) => headers.get(name)
  const request: SqsRequest = {
    method,
    path: url.pathname,
    secure: false,
    url: () => url,
    header,
    body: async () => body,
    signal: NEVER,
  }
  const isRefusal = (error: unknown) => error instanceof SqsError && error.status < 500
  await orRefusal(() => [isSqsRequest(header, target), scopeOf(request)], isRefusal)
  const principal = await orRefusal(() => authenticate(request, body), isRefusal)
  const action = header('x-amz-target') ?? url.searchParams.get('Action')
  const fixed = fixedIn({ method, path: url.pathname, action, body: body.toString() })
  demand(!principal || known.has(fixed), 'a signature was accepted for another request', fixed)
}

const NEVER = new AbortController().signal

/** A request as an input, for the corpus. */
export const written = async (request: Request): Promise<string> => {
  const { pathname, search } = new URL(request.url)
  const headers = [...request.headers].map(([name, value]) => `${name}: ${value}`)
  return `${[`${request.method} ${pathname}${search}`, ...headers].join('\n')}\n\n${await request.text()}`
}
export const samples = signedRequests

export const dictionary: readonly string[] = [
  'Authorization: AWS4-HMAC-SHA256 Credential=HFEXAMPLEKEY/20260301/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=',
  'X-Amz-Algorithm=AWS4-HMAC-SHA256',
  'X-Amz-Credential=',
  'X-Amz-Date=20260301T120000Z',
  'X-Amz-Expires=300',
  'X-Amz-SignedHeaders=host',
  'X-Amz-Signature=',
  'x-amz-date: 20260301T120000Z',
  'x-amz-content-sha256: ',
  'x-amz-security-token: ',
  'host: localhost:9324',
  '%2F',
  '%2e%2e/',
  '//',
  '&',
  '+',
]
