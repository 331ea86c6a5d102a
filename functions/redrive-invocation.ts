import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import type { Log } from './log.ts'
import type { WakeRedrive } from './redrives.ts'

/** The events beside HTTP requests that `functions/redrive.ts` takes. */
export type RedriveEvent =
  | { readonly holdfast: 'run-redrive'; readonly queue: string; readonly taskId: string }
  /** Every minute, by schedule: goes on with whatever is under way. */
  | { readonly holdfast: 'continue-redrives' }

export const isRedriveEvent = (event: object): event is RedriveEvent => 'holdfast' in event

let client: LambdaClient | undefined

/**
 * Has the function named by HOLDFAST_REDRIVE_FUNCTION work on a redrive. When that fails the task is there all the
 * same, and the schedule goes on with it within a minute: so a failure here is told of, and is none of the caller's.
 */
export const invokeRedrive =
  (log: Log): WakeRedrive =>
  async (queue, taskId) => {
    const name = process.env.HOLDFAST_REDRIVE_FUNCTION
    if (!name) return
    const event: RedriveEvent = { holdfast: 'run-redrive', queue, taskId }
    client ??= new LambdaClient({ requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000 } })
    try {
      await client.send(
        new InvokeCommand({ FunctionName: name, InvocationType: 'Event', Payload: Buffer.from(JSON.stringify(event)) }),
      )
    } catch (error) {
      log.warn('the redrive waits for its schedule: its function could not be invoked', { queue, taskId, error })
    }
  }
