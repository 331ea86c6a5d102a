import type { Observer } from '../model/engine-event.ts'

/**
 * Work that follows a change which is already made, such as freeing its message group. A failure is observed and goes no further:
 * the operation reports the success of the change, which its caller would otherwise repeat.
 */
export const followUp = async (
  { observe }: { readonly observe: Observer },
  queue: string,
  work: () => Promise<unknown>,
): Promise<void> => {
  try {
    await work()
  } catch (error) {
    observe({ type: 'follow-up-failed', queue, error })
  }
}
