import { HoldfastError } from './errors.ts'

/**
 * What the AWS SDK says of a process that lacks its settings, by the beginning of the message: nothing was sent. It says the same of
 * credentials when their source does not answer for a moment, as the metadata service of a machine or a container does now and then.
 * So the failure counts as temporary: an ack is tried again until its lease is over, and a redrive goes on later.
 */
const MISSING = [
  {
    begins: 'Region is missing',
    advice: 'the AWS region is not known: set AWS_REGION, or give the client a region',
  },
  {
    begins: 'Could not load credentials',
    advice:
      'there are no AWS credentials, or their source does not answer: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run under a role',
  },
] as const

/** The error for a failure of the SDK that means that a setting is missing. Undefined for any other. */
export const missingSetting = (cause: unknown): HoldfastError | undefined => {
  const { message } = (cause ?? {}) as { message?: unknown }
  const missing = MISSING.find(({ begins }) => typeof message === 'string' && message.startsWith(begins))
  return missing && new HoldfastError('StoreUnavailable', missing.advice, {}, { cause })
}
