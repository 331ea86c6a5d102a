export interface BannerFacts {
  readonly url: string
  /** Where the messages are. */
  readonly store: string
  readonly auth: boolean
  /** Whether others than this machine can reach the server. */
  readonly exposed: boolean
}

/** What a newcomer needs next: commands to paste. */
export const banner = ({
  url,
  store,
  auth,
  exposed,
}: BannerFacts): string => `Holdfast is listening on ${url}   (${store})

  curl -X PUT ${url}/queues/orders
  curl ${url}/queues/orders/messages --json '{"messages":[{"body":{"order":1}}]}'
  curl ${url}/queues/orders/poll --json '{"maxMessages":10}'
  curl ${url}/queues/orders/ack --json '{"receiptHandles":["..."]}'

  ${auth ? '' : 'AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x '}aws sqs list-queues --endpoint-url ${url} --region us-east-1

HTTP API: ${url}/openapi.json   Stop with Ctrl-C.
${exposed ? `\nAnyone who can reach ${url} can use the HTTP API${auth ? ': --auth is for SQS clients' : ' and the SQS endpoint'}.\n` : ''}`
