import type { Engine } from './engine.ts'
import { groupPartition, judgeHead, MOST_IN_FLIGHT } from './group.ts'
import type { HandleResult } from './message.ts'
import { isDropped, type QueueState } from './queue-record.ts'
import { decodeReceiptHandle, type ReceiptHandle } from './receipt-handle.ts'
import type { TicketKey } from './store.ts'

/**
 * Lets a FIFO queue's groups go on once messages of theirs were acked or given back: as soon as nothing of a group is
 * in flight its ticket is freed, or taken away when the group is empty.
 *
 * Only a hint is written here. A crash before it leaves a ticket that says busy until the lease would have ended.
 */
export const releaseGroups = async (
  engine: Engine,
  queue: QueueState,
  receiptHandles: readonly string[],
  results: readonly HandleResult[],
): Promise<void> => {
  if (!queue.settings.fifo && !queue.grouped) return
  const groups = new Map<string, ReceiptHandle[]>()
  for (const [position, text] of receiptHandles.entries()) {
    const handle = results[position]?.ok ? decodeReceiptHandle(text) : undefined
    if (handle?.group) groups.set(handle.group.hash, [...(groups.get(handle.group.hash) ?? []), handle])
  }
  await Promise.all(
    [...groups].map(([group, handles]) =>
      queue.settings.fifo
        ? release(engine, queue, group, handles)
        : engine.store.markTicket({ partition: groupPartition(queue, group), group }, 0),
    ),
  )
}

const release = async (
  engine: Engine,
  queue: QueueState,
  group: string,
  handles: readonly ReceiptHandle[],
): Promise<void> => {
  const partition = groupPartition(queue, group)
  const key: TicketKey = { partition, group }
  const [first] = handles
  const lastSequence = first?.group?.lastSequence ?? ''
  const page = await engine.store.headers({ partition, from: '9', to: '~', limit: MOST_IN_FLIGHT, consistent: true })
  const now = engine.clock.now()
  const left = page.segments.filter((segment) => !isDropped(queue, segment, now))
  const head = judgeHead(left, { now, want: 1 })
  if (head.kind === 'empty' && !page.more && (await engine.store.dropTicket(key, lastSequence))) return
  await engine.store.markTicket(key, head.kind === 'busy' ? head.until : 0)
  engine.wakeups.wake(queue.name, 1)
}
