import type { NewMessage } from '../model/message.ts'
import type { QueueTelemetry } from '../telemetry/telemetry.ts'
import type { Committed } from '../transactions/transaction.ts'

/** A message that a transaction is about to publish. */
export interface Pending {
  readonly queue: string
  readonly message: NewMessage
}

/** Commits within a publish span for each queue. The messages carry the trace contexts of these spans. */
export const inSpans = async (
  telemetryOf: (queue: string) => QueueTelemetry,
  pending: readonly Pending[],
  from: number,
  work: (traced: readonly Pending[]) => Promise<Committed>,
): Promise<Committed> => {
  const traced = [...pending]
  let committed: Committed = { published: [] }
  let run = async (): Promise<void> => {
    committed = await work(traced)
  }
  for (const queue of new Set(pending.map((one) => one.queue))) {
    const inner = run
    const positions = [...pending.keys()].filter((position) => pending[position]?.queue === queue)
    const own = positions.map((position) => (pending[position] as Pending).message)
    run = async () => {
      await telemetryOf(queue).publishBatch(own, async (some) => {
        for (const [index, message] of some.entries()) traced[positions[index] as number] = { queue, message }
        await inner()
        return positions.map((position) => ({ messageId: committed.published[from + position]?.messageId ?? '' }))
      })
    }
  }
  await run()
  return committed
}
