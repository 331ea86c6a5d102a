import type { Clock } from '../clock.ts'
import type { Call, Reply } from './http-call.ts'

/** The id of a poll, by which its caller can end it. */
export const POLL_HEADER = 'holdfast-poll'

export interface EndPollParts {
  readonly request: (call: Call) => Promise<Reply>
  readonly clock: Clock
}

/** A poll may arrive after the request that ends it: how often that one is sent, and the pause between. */
const TRIES = 20
const PAUSE_MS = 50

/**
 * Ends the wait of a poll on a server that can do that, which the local server can: its answer then comes at once. To hang up instead
 * would lose what the poll had leased when its answer was on its way. A function behind API Gateway does not know of the polls of
 * others, and answers an error: there the poll comes to its own end.
 *
 * @param answered aborts when the poll is answered
 */
export const endPoll = async ({ request, clock }: EndPollParts, id: string, answered: AbortSignal): Promise<void> => {
  for (let attempt = 0; attempt < TRIES && !answered.aborted; attempt++) {
    try {
      const { json } = await request({ method: 'DELETE', path: `/polls/${id}`, repeat: 'never', signal: answered })
      if (json.ended !== false) return
    } catch {
      return
    }
    await clock.sleep(PAUSE_MS, answered)
  }
}
