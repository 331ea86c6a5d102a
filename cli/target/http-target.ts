import { randomUUID } from 'node:crypto'
import { pathOfOperation, routeOf } from '../../functions/http/operation-path.ts'
import type { OperationId } from '../../functions/http/routes.ts'
import type { UsageAnswer } from '../../functions/local/usage-log.ts'
import { signFor } from '../../lib/client/places/open.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import { dynamodbClient } from '../../lib/store/dynamodb/client.ts'
import { apiUrl } from '../../lib/transport/api-url.ts'
import { type Call, DEFAULT_TIMEOUT_MS, httpCaller } from '../../lib/transport/http-call.ts'
import { regionOfUrl } from '../../lib/transport/signer.ts'
import type { AwsAccess } from '../cost/aws.ts'
import type { AnswerOf, CallParts, Target } from './target.ts'

/** Which calls are repeated in other ways than their errors allow in general. */
const REPEATS: { readonly [O in OperationId]?: Pick<Call, 'repeat' | 'doneWhen' | 'repeatableMs'> } = {
  // The last repeat must arrive while the server still keeps the key.
  publishMessages: { repeatableMs: (LIMITS.idempotencyKeySeconds * 1_000) / 2 },
  pollMessages: { repeat: 'never' },
  resendMessage: { repeat: 'if-nothing-was-done' },
  startRedrive: { repeat: 'if-nothing-was-done' },
  undoRedrive: { repeat: 'if-nothing-was-done' },
  deleteQueue: { doneWhen: 'QueueNotFound' },
  purgeQueue: { doneWhen: 'PurgeInProgress' },
  cancelMessage: { doneWhen: 'MessageNotFound' },
}

export interface HttpTargetParts {
  readonly url: string
  /** @default the region in the address, else that of the environment */
  readonly region?: string | undefined
  /** Options for printed commands; empty where the target is found without options. */
  readonly options: string
}

/** An HTTP API. Requests are signed with the environment's credentials, except those to this machine. @throws `InvalidRequest` */
export const httpTarget = ({ url: given, region, options }: HttpTargetParts): Target => {
  const url = apiUrl(given)
  const request = httpCaller({ url, sign: signFor(url, undefined, region) })
  const counting: Pick<Target, 'usage'> = {
    usage: async (queue, seconds, signal) => {
      const { json } = await request({ method: 'GET', path: '/usage', query: { queue, seconds }, signal })
      return json as unknown as UsageAnswer
    },
  }
  return {
    ...(url.protocol === 'http:' ? counting : { aws: () => awsAccess(region ?? regionOfUrl(url)) }),
    name: url.href.replace(/\/$/, ''),
    options,
    call: async <O extends OperationId>(operation: O, parts: CallParts<O> = {}) => {
      const { params, query, body, idempotencyKey = randomUUID(), signal } = parts
      const { status, json } = await request({
        method: routeOf(operation).method,
        path: pathOfOperation(operation, params),
        ...(query && { query }),
        ...(body !== undefined && { body }),
        ...(operation === 'publishMessages' && { headers: { 'idempotency-key': idempotencyKey } }),
        ...(signal && { signal }),
        timeoutMs:
          DEFAULT_TIMEOUT_MS + waitMs(query?.waitTimeSeconds ?? (body as WithWait | undefined)?.waitTimeSeconds),
        ...REPEATS[operation],
      })
      return (status === 204 ? undefined : json) as AnswerOf<O>
    },
    close: async () => {},
  }
}

const awsAccess = async (region: string | undefined): Promise<AwsAccess> => {
  const { config } = dynamodbClient(region === undefined ? {} : { region })
  return { region: await config.region(), credentials: await config.credentials() }
}

interface WithWait {
  readonly waitTimeSeconds?: number
}

/** How long the server may wait before it answers. */
const waitMs = (waitTimeSeconds: unknown): number =>
  Math.min(Number(waitTimeSeconds) || 0, LIMITS.waitTimeSeconds) * 1_000
