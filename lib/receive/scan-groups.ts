import type { Engine } from '../engine.ts'
import type { Request } from '../hints/scan-target.ts'
import { isHoldfastError } from '../model/errors.ts'
import type { Message } from '../model/message.ts'
import type { QueueState } from '../model/queue-record.ts'
import { dropIdleTickets } from './drop-idle-tickets.ts'
import { pollGroup } from './poll-group.ts'
import type { ScanResult } from './scan-result.ts'
import { nextTicketAt, ticketPages } from './ticket-pages.ts'

/** A scan ends when this many groups have failed. One group that can't be polled must not stop the others. */
const MAX_FAILURES = 3

/** One scan of the groups of a FIFO queue. Claims from each free group as many messages as are wanted, before the next group. */
export const scanGroups = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  const messages: Message[] = []
  const failures: unknown[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for await (const tickets of ticketPages(engine, queue)) {
    dropIdleTickets(engine, queue, tickets)
    for (const ticket of tickets) {
      try {
        const found = await pollGroup(engine, queue, ticket, { ...request, want: request.want - messages.length })
        messages.push(...found.messages)
        nextAt = Math.min(nextAt, found.nextAt)
      } catch (error) {
        // Messages that were claimed in other groups before still reach the caller.
        if (!isHoldfastError(error) || failures.push(error) === MAX_FAILURES)
          return resultOrFailure(messages, nextAt, [error])
      }
      if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
    }
  }
  return resultOrFailure(messages, Math.min(nextAt, nextTicketAt(engine, queue)), failures)
}

/** The result of a scan. Throws the failure if no message was claimed. */
const resultOrFailure = (messages: Message[], nextAt: number, [failure]: readonly unknown[]): ScanResult => {
  if (failure !== undefined && messages.length === 0) throw failure
  return { messages, nextAt }
}
