import type { Engine } from '../engine.ts'
import type { Bell } from './bell.ts'
import type { Invoker, TriggerEvent } from './invoker.ts'
import type { HeldMark } from './mark.ts'
import type { Slots } from './slots.ts'
import { INVOCATION_MARGIN_MS, MARK_MARGIN_MS, SETTLE_MS } from './times.ts'
import type { Trigger } from './trigger.ts'

export interface DispatchOptions {
  readonly queue: string
  readonly invoker: Invoker
  /** When the process that runs this is cut off, epoch ms. */
  readonly endsAt: number
  /** Starts another run, which waits for nothing. */
  readonly startRun: (queue: string) => Promise<void>
  /** @default nobody */
  readonly observe?: (event: TriggerEvent) => void
  /** Ends the run early: what is under way is settled first. */
  readonly signal?: AbortSignal
}

/** How a run ended. */
export type RunEnd =
  /** Another run has the mark. */
  | 'marked'
  /** Nothing is due soon, or nothing is to be delivered. */
  | 'idle'
  /** Its time was over; a successor was started. */
  | 'handed-over'
  /** Another run took over, since this one was away for too long. */
  | 'mark-lost'
  | 'stopped'

/** What a run knows and holds. */
export interface Run {
  readonly engine: Engine
  readonly options: DispatchOptions
  readonly observe: (event: TriggerEvent) => void
  readonly slots: Slots
  /** Rings when an invocation has ended, and when the mark or the trigger is no longer what it was. */
  readonly bell: Bell
  /** Aborts waits for messages. */
  claiming: AbortController
  readonly underWay: Set<Promise<void>>
  /** Writes of the mark come one after the other. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>
  /** Without work the run ends then, epoch ms. */
  idleAt: number
  trigger: Trigger | undefined
  mark: HeldMark
  markLost: boolean
  /** While the function is throttled, or refused: how long the last wait was, 0 when it is not, and when to try again. */
  readonly throttle: { delayMs: number; tryAt: number }
}

/** Whether the run may claim: its mark is its own for a while yet. */
export const holdsMark = ({ engine, mark, markLost }: Run): boolean =>
  !markLost && engine.clock.now() < mark.until - MARK_MARGIN_MS

/** When the run stops claiming: its last invocation must end, and be settled, while the process is there. */
export const claimsUntil = ({ options }: Run, { functionTimeoutSeconds }: Trigger): number =>
  options.endsAt - functionTimeoutSeconds * 1_000 - INVOCATION_MARGIN_MS - SETTLE_MS
