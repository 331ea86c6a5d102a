import { SqsError } from '../../../functions/sqs/errors.ts'
import { parseKeys } from '../../../functions/sqs/keys.ts'
import { type AccessRequest, evaluate } from '../../../functions/sqs/policy.ts'
import { checkPolicy, parsePolicy } from '../../../functions/sqs/policy-document.ts'
import { demand, orRefusal } from '../judge.ts'

const REQUESTS: readonly AccessRequest[] = [
  {
    account: '000000000000',
    principalArn: 'arn:aws:iam::000000000000:user/a',
    action: 'sqs:SendMessage',
    resource: 'arn:aws:sqs:us-east-1:000000000000:orders',
    context: { 'aws:securetransport': 'false', 'aws:principalarn': 'arn:aws:iam::000000000000:user/a' },
  },
  {
    account: '123456789012',
    principalArn: 'arn:aws:iam::123456789012:user/b',
    action: 'sqs:ReceiveMessage',
    resource: 'arn:aws:sqs:us-east-1:000000000000:orders',
    context: { 'aws:securetransport': 'true', 'aws:sourceip': undefined },
  },
]

/** A queue's policy, or a document of access keys: both are JSON that people write, and say who may do what. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const text = data.toString('utf8')
  const stored = await orRefusal(
    () => {
      checkPolicy(text)
      return true
    },
    (error) => error instanceof SqsError && error.status < 500,
  )
  const policy = parsePolicy(text)
  demand(!stored || policy !== undefined, 'a policy was stored that can not be read')
  for (const request of REQUESTS) {
    const decision = await orRefusal(() => evaluate(text, request), never)
    demand(policy !== undefined || text === '' || decision === 'deny', 'a policy that can not be read allows something')
  }
  // Its errors are for the operator who wrote the document, and are plain.
  await orRefusal(
    () => parseKeys(text),
    (error) => (error as Error).constructor === Error,
  )
}

const never = () => false

export const dictionary: readonly string[] = [
  'Statement',
  'Effect',
  'Allow',
  'Deny',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
  'Sid',
  'Version',
  '2012-10-17',
  'AWS',
  'Service',
  '"*"',
  'StringEquals',
  'StringLikeIfExists',
  'ArnLike',
  'Null',
  'Bool',
  'IpAddress',
  'ForAllValues:',
  'aws:SourceArn',
  'aws:SecureTransport',
  'sqs:*',
  'arn:aws:iam::123456789012:root',
  'arn:aws:sqs:*:*:*',
  'keys',
  'accessKeyId',
  'secretAccessKey',
  'accountId',
  'permissions',
  'actions',
  'queues',
  '[]',
  '{}',
  'null',
]
