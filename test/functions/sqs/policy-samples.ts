import { type AccessRequest, evaluate } from '../../../functions/sqs/policy.ts'

export const ACCOUNT = '000000000000'
export const OTHER = '111122223333'
export const SENDER = `arn:aws:iam::${ACCOUNT}:user/HFSENDER`
export const ROOT = `arn:aws:iam::${ACCOUNT}:root`
export const QUEUE = `arn:aws:sqs:us-east-1:${ACCOUNT}:orders`

export const request: AccessRequest = {
  account: ACCOUNT,
  principalArn: SENDER,
  action: 'sqs:SendMessage',
  resource: QUEUE,
  context: {
    'aws:securetransport': 'false',
    'aws:principalaccount': ACCOUNT,
    'aws:principalarn': SENDER,
    'aws:username': 'HFSENDER',
    'aws:sourcearn': undefined,
  },
}
export const decide = (Statement: unknown, asked: AccessRequest = request) =>
  evaluate(JSON.stringify({ Statement }), asked)
export const everyone = { Principal: '*', Action: '*' }
export const allow = { Effect: 'Allow', ...everyone }
export const deny = { Effect: 'Deny', ...everyone }
