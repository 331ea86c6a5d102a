import type { Engine } from './engine.ts'

/**
 * Work that follows a change which is already made, such as freeing its message group. Whatever fails here is observed
 * and goes no further: the operation reports the success of the change, which a caller would otherwise repeat.
 */
export const followUp = async (engine: Engine, queue: string, work: () => Promise<unknown>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    engine.observe({ type: 'follow-up-failed', queue, error })
  }
}
