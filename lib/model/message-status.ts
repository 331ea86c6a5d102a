/** What a message is doing, or became. Instants are epoch ms. */
export type MessageStatus =
  /** Not due yet. */
  | { readonly state: 'delayed'; readonly visibleAt: number; readonly receiveCount: number }
  | { readonly state: 'ready'; readonly receiveCount: number }
  /** A consumer works on it, unless it was killed: until the lease ends nobody can know. */
  | { readonly state: 'leased'; readonly until: number; readonly receiveCount: number }
  /** Given back, and not to be received before `visibleAt`. */
  | { readonly state: 'backingOff'; readonly visibleAt: number; readonly receiveCount: number }
  /** The last lease that its queue allows has ended. Not final: a late ack still counts, until the message is moved. */
  | { readonly state: 'attemptsUsedUp'; readonly receiveCount: number }
  | { readonly state: 'done'; readonly at: number }
  | { readonly state: 'failed'; readonly at: number }
  | { readonly state: 'deadLettered'; readonly at: number; readonly queue: string; readonly reason: string }
  | { readonly state: 'cancelled'; readonly at: number }
  /** No trace of what became of it, or none but the reason: acked without a result, or dropped. */
  | {
      readonly state: 'gone'
      readonly reason?: 'expired' | 'purged' | 'moved'
      /** When it expired or was moved. */
      readonly at?: number
      /** Where it was moved. */
      readonly queue?: string
    }

export type StatusState = MessageStatus['state']

const FINAL: ReadonlySet<StatusState> = new Set(['done', 'failed', 'deadLettered', 'cancelled', 'gone'])
/** Whether nothing that a consumer does can change this any more. */
export const isFinal = ({ state }: MessageStatus): boolean => FINAL.has(state)
