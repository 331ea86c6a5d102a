import type { Observer } from '../model/engine-event.ts'

/**
 * Does work that follows a change which is already made, such as freeing the change's message group. A failure is reported
 * to the observer and not thrown: an operation that failed would be repeated by its caller, although its change is made.
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
