import { InvokeCommand, LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda'
import { INVOCATION_MARGIN_MS } from '../../lib/triggers/times.ts'
import type { Trigger } from '../../lib/triggers/trigger.ts'
import type { FunctionOutcome, RunFunction } from './event-invoker.ts'
import { functionError, isError } from './function-answer.ts'

const CONNECTION_TIMEOUT_MS = 2_000
const SOCKETS = 1_000

/**
 * A client that sends each request once: a lost answer must not make a batch run twice. Its sockets send keep-alive
 * packets, so that no network device drops a connection that is silent for minutes.
 */
export const lambdaClient = (config: LambdaClientConfig = {}): LambdaClient =>
  new LambdaClient({
    ...config,
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, httpAgent: AGENT, httpsAgent: AGENT },
  })

const AGENT = { keepAlive: true, maxSockets: SOCKETS } as const

export interface LambdaFunctionOptions {
  /**
   * Whether an answer in the form of an error counts as an error without the header that marks one: AWS's runtime
   * interface emulator sends no such header, and its failed invocations would count as done. @default false
   */
  readonly errorsWithoutHeader?: boolean
}

/** Runs Lambda functions, and waits for their answers. */
export const lambdaFunction =
  (client: Pick<LambdaClient, 'send'>, { errorsWithoutHeader = false }: LambdaFunctionOptions = {}): RunFunction =>
  async ({ functionName, functionTimeoutSeconds }: Trigger, event: Buffer): Promise<FunctionOutcome> => {
    const abortSignal = AbortSignal.timeout(functionTimeoutSeconds * 1_000 + INVOCATION_MARGIN_MS)
    try {
      const { Payload, FunctionError } = await client.send(
        new InvokeCommand({
          FunctionName: functionName,
          InvocationType: 'RequestResponse',
          Payload: event,
        }),
        { abortSignal },
      )
      const payload = Payload ? Buffer.from(Payload).toString('utf8') : ''
      const failure = FunctionError ?? (errorsWithoutHeader && isError(payload) ? 'Unhandled' : undefined)
      if (failure) return { kind: 'failed', error: functionError(failure, payload) }
      return { kind: 'answered', payload }
    } catch (error) {
      return failureOf(error)
    }
  }

/**
 * Errors of Invoke with a status of 5xx that Lambda answers before the function's code begins.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
 */
const BEFORE_START: ReadonlySet<string> = new Set([
  'EC2AccessDeniedException',
  'EC2ThrottledException',
  'EC2UnexpectedException',
  'EFSIOException',
  'EFSMountConnectivityException',
  'EFSMountFailureException',
  'EFSMountTimeoutException',
  'ENILimitReachedException',
  'InvalidRuntimeException',
  'InvalidSecurityGroupIDException',
  'InvalidSubnetIDException',
  'InvalidZipFileException',
  'KMSAccessDeniedException',
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSNotFoundException',
  'ResourceNotReadyException',
  'SubnetIPAddressLimitReachedException',
])
const THROTTLED: ReadonlySet<string> = new Set([
  'TooManyRequestsException',
  'EC2ThrottledException',
  'ThrottlingException',
])
/** Codes of errors that occur before a request is sent: there was no connection. */
const NOT_SENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** The outcome for an error. Some errors prove that the function did not run; after any other it may have run. */
const failureOf = (error: unknown): FunctionOutcome => {
  const {
    name = '',
    message = '',
    code,
    $metadata,
  } = (error ?? {}) as {
    name?: string
    message?: string
    code?: string
    $metadata?: { httpStatusCode?: number }
  }
  const text = [name, message].filter(Boolean).join(': ')
  const status = $metadata?.httpStatusCode
  if (THROTTLED.has(name) || status === 429) return { kind: 'not-run', reason: 'throttled', error: text }
  const refused = status !== undefined && status >= 400 && status < 500
  const unsent = (code !== undefined && NOT_SENT.has(code)) || name === 'CredentialsProviderError'
  if (refused || unsent || BEFORE_START.has(name)) return { kind: 'not-run', reason: 'refused', error: text }
  return { kind: 'unknown', error: text || String(error) }
}
