import { SQSClient } from '@aws-sdk/client-sqs'
import type { Deployment } from './deployment.ts'

interface WireRequest {
  readonly method: string
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** AWS's own SQS client, whose requests go through a deployment's routes instead of the network. */
export const sqsClient = (
  deployment: Deployment,
  credentials: { readonly accessKeyId: string; readonly secretAccessKey: string },
) => {
  const handle = async ({ method, path, query = {}, headers, body }: WireRequest) => {
    const search = new URLSearchParams(query).toString()
    const answer = await deployment.request({
      method,
      path: search ? `${path}?${search}` : path,
      headers,
      ...(body !== undefined && {
        body: typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array),
      }),
    })
    return { response: { statusCode: answer.status, headers: answer.headers, body: Buffer.from(answer.text) } }
  }
  const client = new SQSClient({
    endpoint: 'https://test.execute-api.us-east-1.amazonaws.com',
    region: 'us-east-1',
    // A copy, since the SDK changes the object.
    credentials: { ...credentials },
    maxAttempts: 1,
    requestHandler: { handle } as never,
  })
  return { client, call: client.send.bind(client) as SQSClient['send'] }
}
