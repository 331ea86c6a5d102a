import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import type { InvokeLater } from './redrive-invocation.ts'

let client: LambdaClient | undefined

/** Invokes a function without waiting for what it does. */
export const invokeByClient: InvokeLater = async (name, payload) => {
  client ??= new LambdaClient({ requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000 } })
  await client.send(new InvokeCommand({ FunctionName: name, InvocationType: 'Event', Payload: Buffer.from(payload) }))
}
