/** The status of a message: what it is doing, or what became of it. Instants are epoch ms. */
export type MessageStatus =
  /** Not due yet. */
  | { readonly state: 'delayed'; readonly visibleAt: number; readonly receiveCount: number }
  | { readonly state: 'ready'; readonly receiveCount: number }
  /** A consumer is working on it, or was killed: the two can't be distinguished before the lease ends. */
  | { readonly state: 'leased'; readonly until: number; readonly receiveCount: number }
  /** Given back, and not to be received before `visibleAt`. */
  | { readonly state: 'backingOff'; readonly visibleAt: number; readonly receiveCount: number }
  /** The last lease that its queue allows has ended. Not final: a late ack still counts, until the message is moved. */
  | { readonly state: 'attemptsUsedUp'; readonly receiveCount: number }
  | { readonly state: 'done'; readonly at: number }
  | { readonly state: 'failed'; readonly at: number }
  | { readonly state: 'deadLettered'; readonly at: number; readonly queue: string; readonly reason: string }
  | { readonly state: 'cancelled'; readonly at: number }
  /** The message is gone. There is no result: it was acked without one, or dropped for the `reason`. */
  | {
      readonly state: 'gone'
      readonly reason?: 'expired' | 'purged' | 'moved'
      /** When it expired or was moved. */
      readonly at?: number
      /** Where it was moved. */
      readonly queue?: string
    }

type StatusState = MessageStatus['state']

const FINAL: ReadonlySet<StatusState> = new Set(['done', 'failed', 'deadLettered', 'cancelled', 'gone'])
/** Whether no consumer can change this status any more. */
export const isFinal = ({ state }: MessageStatus): boolean => FINAL.has(state)
