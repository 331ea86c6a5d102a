import { allQueues, type WatchedQueue } from '../all-queues.ts'
import { mark } from '../output/troubles.ts'
import { relative, thousands } from '../output/words.ts'
import type { Session } from '../session.ts'
import { verb } from '../verb.ts'

export const queues = verb({
  syntax: 'queues [prefix]',
  group: 'Look',
  summary: 'list all queues, those in trouble first',
  details:
    'Of each queue: what is wrong with it, how many messages are ready, in flight and delayed, and how long the oldest ready one has waited. A count with ~ is an estimate. Counting reads each queue once.',
  examples: [
    ['holdfast queues', 'all queues, by trouble'],
    ['holdfast queues orders', 'those whose names begin with orders'],
    [`holdfast queues --json | jq -r 'select(.troubles != []).name'`, 'the names of those in trouble'],
  ],
  run: async (session, [prefix = '']) => {
    const { out } = session
    const found = (await allQueues(session)).filter(({ queue }) => queue.name.startsWith(prefix)).sort(byTrouble)
    if (out.json) {
      for (const { queue, troubles } of found) out.record({ ...queue, troubles })
      return undefined
    }
    if (found.length === 0) {
      out.text(
        prefix === '' ? `there are no queues at ${session.target.name}` : `no queue's name begins with ${prefix}`,
      )
      return undefined
    }
    const head = ['', 'QUEUE', 'READY', 'IN HAND', 'DELAYED', 'OLDEST', 'TROUBLE']
    out.table(
      head,
      found.map((one) => row(session, one)),
      [2, 3, 4],
    )
  },
})

const byTrouble = (a: WatchedQueue, b: WatchedQueue): number =>
  rank(a) - rank(b) || oldest(a) - oldest(b) || (a.queue.name < b.queue.name ? -1 : 1)

const rank = ({ troubles: [worst] }: WatchedQueue): number => (worst === undefined ? 2 : worst.level === 'bad' ? 0 : 1)

const oldest = ({ queue: { counts } }: WatchedQueue): number =>
  counts?.oldestReadyAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(counts.oldestReadyAt)

const row = ({ out, now }: Session, { queue, troubles }: WatchedQueue): string[] => {
  const { name, counts } = queue
  const amount = (count = 0) => `${counts?.exact === false && count > 0 ? '~' : ''}${thousands(count)}`
  return [
    mark(out, troubles[0]?.level),
    out.style('bold', name),
    amount(counts?.ready),
    amount(counts?.leased),
    amount(counts?.delayed),
    counts?.oldestReadyAt === undefined ? '' : relative(counts.oldestReadyAt, now()),
    troubles.map(({ code }) => code).join(', '),
  ]
}
