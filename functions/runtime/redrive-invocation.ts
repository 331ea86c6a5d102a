import { isMissingRight } from './aws-failure.ts'
import type { Log } from './log.ts'
import type { WakeRedrive } from './redrives.ts'

/** The events that `functions/redrive.ts` handles in addition to HTTP requests. */
export type RedriveEvent =
  | { readonly holdfast: 'run-redrive'; readonly queue: string; readonly taskId: string }
  /** Sent every minute by schedule: continues every redrive that is running. */
  | { readonly holdfast: 'continue-redrives' }

export const isRedriveEvent = (event: object): event is RedriveEvent => 'holdfast' in event

/** Invokes the function of that name with a JSON text, without waiting for its result. */
export type InvokeLater = (name: string, payload: string) => Promise<void>

/**
 * Has the function named by HOLDFAST_REDRIVE_FUNCTION work on a redrive. If the invocation fails, the task is stored already, and
 * the schedule continues it within a minute. So the failure is logged and not reported to the caller.
 *
 * @param missingRight called when the role of this function may not invoke that one
 */
export const invokeRedrive =
  (log: Log, invoke: InvokeLater, missingRight: () => void = () => {}): WakeRedrive =>
  async (queue, taskId) => {
    const name = process.env.HOLDFAST_REDRIVE_FUNCTION
    if (!name) return
    const event: RedriveEvent = { holdfast: 'run-redrive', queue, taskId }
    try {
      await invoke(name, JSON.stringify(event))
    } catch (error) {
      const refused = isMissingRight(error)
      const message = 'the redrive waits for its schedule: its function could not be invoked'
      log[refused ? 'error' : 'warn'](message, { queue, taskId, error })
      if (refused) missingRight()
    }
  }
