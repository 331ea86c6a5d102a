import type { HandleResult } from '../model/message.ts'
import { afterRepeatedNack, afterRepeatedRelease } from './after-lost-answer.ts'
import { type HttpCalls, listIn, queuePath } from './http-answers.ts'
import { ackJson, failuresJson, handleResultFrom } from './http-wire.ts'
import { inGroups } from './in-groups.ts'
import type { CallOptions, Transport } from './port.ts'

export const settlingCalls = (calls: HttpCalls): Pick<Transport, 'ack' | 'unreceive' | 'nack' | 'extend'> => {
  const settle = settler(calls)
  return {
    ack: (queue, entries, options) => settle(queue, 'ack', ackJson(entries), options),
    unreceive: (queue, receiptHandles, options) =>
      settle(queue, 'unreceive', { handles: receiptHandles }, { ...options, repeated: afterRepeatedRelease }),
    nack: (queue, entries, options) =>
      inGroups(
        entries,
        ({ receiptHandle: _, failure: __, ...rest }) => rest,
        (handles, rest, some) =>
          settle(
            queue,
            'nack',
            { handles, ...rest, ...failuresJson(some) },
            { ...options, repeated: (result) => afterRepeatedNack(rest, result) },
          ),
      ),
    extend: (queue, entries, { revive, ...options } = {}) =>
      inGroups(
        entries,
        ({ receiptHandle: _, ...rest }) => ({ ...rest, ...(revive && { revive }) }),
        (handles, rest) =>
          settle(
            queue,
            'extend',
            { handles, ...rest },
            // An extension to 0 seconds gives the message back.
            { ...options, repeated: rest.visibilityTimeoutSeconds === 0 ? afterRepeatedRelease : unchanged },
          ),
      ),
  }
}

const unchanged = (result: HandleResult): HandleResult => result

/** Makes one call for several receipt handles. `repeated` judges each result where an earlier try may have been done. */
const settler =
  ({ request }: HttpCalls) =>
  async (
    queue: string,
    verb: string,
    { handles, ...how }: { readonly handles: readonly string[] },
    { repeated = unchanged, ...options }: CallOptions & { repeated?: typeof unchanged } = {},
  ): Promise<HandleResult[]> => {
    const body = { receiptHandles: handles, ...how }
    const reply = await request({ method: 'POST', path: queuePath(queue, `/${verb}`), body, ...options })
    const results = listIn(reply.json, 'results', handles.length).map(handleResultFrom)
    return reply.maybeDone ? results.map(repeated) : results
  }
