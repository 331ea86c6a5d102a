import type { Engine } from '../../lib/engine.ts'
import { runningRedrives, runRedrive } from '../../lib/redrive/redrive.ts'
import type { Log } from './log.ts'

/** Makes sure that a worker runs a redrive; resolves when that is certain, not when the redrive is done. */
export type WakeRedrive = (queue: string, taskId: string) => Promise<void>

export interface RedriveRef {
  readonly queue: string
  readonly taskId: string
}

/** Works on redrives until each is over or `signal` aborts. A redrive that fails is logged, and continued by the next call. */
export const continueRedrives = async (
  engine: Engine,
  { signal, log, tasks }: { signal: AbortSignal; log: Log; tasks?: readonly RedriveRef[] },
): Promise<void> => {
  await Promise.all(
    (tasks ?? (await runningRedrives(engine))).map(async ({ queue, taskId }) => {
      try {
        const { state, moved } = await runRedrive(engine, queue, taskId, { signal })
        log.info('redrive', { queue, taskId, state, moved })
      } catch (error) {
        log.error('a redrive stopped, to be continued', { queue, taskId, error })
      }
    }),
  )
}
