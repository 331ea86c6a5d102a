import { isMissingRight } from '../runtime/aws-failure.ts'
import { theEngine } from '../runtime/compose.ts'
import { invokeRedrive } from '../runtime/redrive-invocation.ts'
import { invokeBySignedPost } from '../runtime/signed-invocation.ts'
import { countAnswer, countMissingRight, lambdaLog } from '../runtime/telemetry.ts'
import { type SqsEndpoint, sqsEndpoint } from './endpoint.ts'
import { keyRing } from './keys.ts'
import { DEFAULT_SCOPE } from './queue-url.ts'
import { secretText } from './secret.ts'
import { sigv4Authenticator } from './sigv4.ts'

/**
 * The SQS endpoint of a Lambda function.
 *
 * HOLDFAST_SQS_KEYS_SECRET: ARN of the secret with the access keys; a request without such a key is refused.
 * HOLDFAST_ACCOUNT and AWS_REGION: the account and region whose queues the HTTP API shows too.
 * HOLDFAST_SQS_PUBLIC_URL: where callers reach this endpoint, if not at the name that they asked for; its path is a base
 * path that they sign, whether or not the gateway passes it on.
 */
export const endpointFromEnvironment = (env: NodeJS.ProcessEnv): SqsEndpoint => {
  const { HOLDFAST_SQS_KEYS_SECRET: secret, HOLDFAST_SQS_PUBLIC_URL: publicUrl } = env
  if (!secret)
    throw new Error('the environment variable HOLDFAST_SQS_KEYS_SECRET must name the secret with the access keys')
  const keys = keyRing({
    load: secretText(secret),
    failed: (error) => {
      lambdaLog.error('the access keys could not be loaded', { error })
      if (isMissingRight(error)) countMissingRight()
    },
  })
  return sqsEndpoint({
    engine: theEngine(),
    authenticate: sigv4Authenticator({ keys, ...(publicUrl && { basePath: basePathOf(publicUrl) }) }),
    home: {
      account: env.HOLDFAST_ACCOUNT ?? DEFAULT_SCOPE.account,
      region: env.AWS_REGION ?? DEFAULT_SCOPE.region,
    },
    ...(publicUrl && { publicUrl }),
    // API Gateway passes on forwarding headers as callers send them, so they are not trusted; the event has the host's name.
    forwarded: false,
    redrives: invokeRedrive(lambdaLog, invokeBySignedPost, countMissingRight),
    log: lambdaLog,
    answered: countAnswer,
  })
}

/** The path of an address, without a slash at its end: empty for a domain's root. */
const basePathOf = (url: string): string => new URL(url).pathname.replace(/\/+$/, '')
