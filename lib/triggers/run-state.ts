import type { Engine } from '../engine.ts'
import type { Invoker, TriggerEvent } from './invoker.ts'
import type { HeldMark } from './mark.ts'
import type { Slots } from './slots.ts'
import { INVOCATION_MARGIN_MS, MARK_MARGIN_MS, SETTLE_MS } from './times.ts'
import type { Trigger } from './trigger.ts'
import type { WakeSignal } from './wake-signal.ts'

export interface DispatchOptions {
  readonly queue: string
  readonly invoker: Invoker
  /** When the process of the run is ended by force, epoch ms. */
  readonly endsAt: number
  /** Starts another run, without waiting for it. */
  readonly startRun: (queue: string) => Promise<void>
  /** @default nobody */
  readonly observe?: (event: TriggerEvent) => void
  /** Ends the run early, after its invocations are settled. */
  readonly signal?: AbortSignal
}

/** How a run ended. */
export type RunEnd =
  /** Another run has the mark. */
  | 'marked'
  /** No message is due soon, or the trigger delivers nothing. */
  | 'idle'
  /** The run's time was over, and it started a successor. */
  | 'handed-over'
  /** Another run took over, because this one was paused for too long. */
  | 'mark-lost'
  | 'stopped'

/** The state of a run. */
export interface Run {
  readonly engine: Engine
  readonly options: DispatchOptions
  readonly observe: (event: TriggerEvent) => void
  readonly slots: Slots
  /** Woken when an invocation has ended, and when the mark or the trigger has changed. */
  readonly wakeUp: WakeSignal
  /** Aborts waits for messages. */
  claiming: AbortController
  readonly underWay: Set<Promise<void>>
  /** Runs writes of the mark one after the other. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>
  /** When the run ends if it has no work, epoch ms. */
  idleAt: number
  trigger: Trigger | undefined
  mark: HeldMark
  markLost: boolean
  /** While the function is throttled or refused: the length of the last wait (0 otherwise), and when to try again. */
  readonly throttle: { delayMs: number; tryAt: number }
}

/** Whether the run may claim: it holds its mark for long enough. */
export const holdsMark = ({ engine, mark, markLost }: Run): boolean =>
  !markLost && engine.clock.now() < mark.until - MARK_MARGIN_MS

/** When the run stops claiming: its last invocation must end, and be settled, before the process ends. */
export const claimsUntil = ({ options }: Run, { functionTimeoutSeconds }: Trigger): number =>
  options.endsAt - functionTimeoutSeconds * 1_000 - INVOCATION_MARGIN_MS - SETTLE_MS
