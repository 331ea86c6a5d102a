import { DEFAULT_FIFO, type FifoSettings, type QueueSettings, type SettingsChange } from './queue-settings.ts'
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry-policy.ts'
import { withoutUndefined } from './without-undefined.ts'

type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined }

/** Settings as a user writes them. Absent members of `fifo` and `retryPolicy` get their defaults. */
export type GivenSettings = Loose<Omit<SettingsChange, 'fifo' | 'retryPolicy'>> & {
  readonly fifo?: Loose<FifoSettings> | null | undefined
  readonly retryPolicy?: (Loose<RetryPolicy> & Pick<RetryPolicy, 'initialSeconds'>) | null | undefined
}

/** Settings of a new queue, completed with the defaults. A queue whose name ends in `.fifo` is a FIFO queue, even without `fifo`. */
export const newQueueSettings = (name: string, given: GivenSettings): SettingsChange =>
  completed(name.endsWith('.fifo') ? { fifo: {}, ...withoutUndefined(given) } : given, DEFAULT_FIFO)

/** A change of settings. Absent members of `fifo` stay as they are in `present`. */
export const changedSettings = (given: GivenSettings, present: QueueSettings | undefined): SettingsChange =>
  completed(given, present?.fifo ?? DEFAULT_FIFO)

const completed = ({ fifo, retryPolicy, ...plain }: GivenSettings, fifoBase: FifoSettings): SettingsChange =>
  ({
    ...withoutUndefined(plain),
    ...(fifo !== undefined && { fifo: fifo && { ...fifoBase, ...withoutUndefined(fifo) } }),
    ...(retryPolicy !== undefined && {
      retryPolicy: retryPolicy && { ...DEFAULT_RETRY_POLICY, ...withoutUndefined(retryPolicy) },
    }),
  }) as SettingsChange
