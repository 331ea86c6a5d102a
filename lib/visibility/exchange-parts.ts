import type { Clock } from '../clock.ts'
import type { PollHints } from '../hints/poll-hints.ts'
import type { Observer } from '../model/engine-event.ts'
import type { Random } from '../random.ts'
import type { Store } from '../store/port.ts'

/** What the exchange of snapshots needs of an engine. */
export interface ExchangeParts {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly observe: Observer
  readonly polls: PollHints
}
