import type { WatchedQueue } from '../all-queues.ts'
import type { MessageJson } from '../browse.ts'
import { counted, relative } from '../output/words.ts'
import type { Session } from '../session.ts'
import { copying, EXPIRING_SHARE } from '../trouble.ts'
import { type Finding, findingOf, notChecked } from './finding.ts'

const PAGE = 100
/** Younger messages are not looked at, so that doctor reads no message of a queue whose consumers keep up, ms. */
const WAITING_MS = 60_000

/**
 * Messages that their queue drops soon by an end of their own: its retention at their publish, where that was shorter than the present
 * one, or their time to live. The queue's troubles go by the present retention alone. Reads the first page of the queue's ready
 * messages, the oldest of each shard first, and only where one of them has waited for a minute.
 */
export const expiringMessages = async (
  { target, signal, now }: Session,
  { queue, troubles }: WatchedQueue,
): Promise<readonly Finding[]> => {
  const { name, counts } = queue
  const waitsSince = counts?.oldestReadyAt
  if (troubles.some(({ code }) => code === 'expiring')) return []
  if (waitsSince === undefined || now() - Date.parse(waitsSince) < WAITING_MS) return []
  try {
    const query = { limit: PAGE, states: 'ready' }
    const { messages } = await target.call('browseMessages', { params: { queue: name }, query, signal })
    const expiring = messages.filter((message) => isExpiring(message, now()))
    const [first] = expiring.map(({ expiresAt }) => expiresAt).sort()
    if (first === undefined) return []
    const what = `${expiring.length} of its first ${counted(messages.length, 'message')} waited for more than half of the time that each is kept; the next is dropped ${relative(first, now())}`
    return [findingOf(name, { code: 'expiring', level: 'warning', what, cures: [copying(queue)] }, target.options)]
  } catch (error) {
    if (signal.aborted) throw error
    return [{ ...notChecked('when its messages are dropped', error), queue: name }]
  }
}

const isExpiring = ({ dueAt, expiresAt }: MessageJson, now: number): boolean => {
  const [start, end] = [Date.parse(dueAt), Date.parse(expiresAt)]
  return now - start >= (end - start) * EXPIRING_SHARE
}
