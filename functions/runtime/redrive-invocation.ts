import type { Log } from './log.ts'
import type { WakeRedrive } from './redrives.ts'

/** The events beside HTTP requests that `functions/redrive.ts` takes. */
export type RedriveEvent =
  | { readonly holdfast: 'run-redrive'; readonly queue: string; readonly taskId: string }
  /** Every minute, by schedule: goes on with whatever is under way. */
  | { readonly holdfast: 'continue-redrives' }

export const isRedriveEvent = (event: object): event is RedriveEvent => 'holdfast' in event

/** Invokes the function of that name with a JSON text, and does not wait for what it does. */
export type InvokeLater = (name: string, payload: string) => Promise<void>

/**
 * Has the function named by HOLDFAST_REDRIVE_FUNCTION work on a redrive. When that fails the task is there all the
 * same, and the schedule goes on with it within a minute: so a failure here is told of, and is none of the caller's.
 */
export const invokeRedrive =
  (log: Log, invoke: InvokeLater): WakeRedrive =>
  async (queue, taskId) => {
    const name = process.env.HOLDFAST_REDRIVE_FUNCTION
    if (!name) return
    const event: RedriveEvent = { holdfast: 'run-redrive', queue, taskId }
    try {
      await invoke(name, JSON.stringify(event))
    } catch (error) {
      log.warn('the redrive waits for its schedule: its function could not be invoked', { queue, taskId, error })
    }
  }
