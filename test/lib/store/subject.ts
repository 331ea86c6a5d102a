import type { Store } from '../../../lib/store/port.ts'
import type { ManualClock } from '../../support/manual-clock.ts'

/** A store under test. `clock` is the one that it was given. */
export interface Subject {
  readonly store: Store
  readonly clock: ManualClock
}
