import { describe } from 'vitest'
import type { Store } from '../../lib/store.ts'
import type { ManualClock } from '../support/manual-clock.ts'
import { changeContract } from './change-contract.ts'
import { documentContract } from './document-contract.ts'
import { segmentContract } from './segment-contract.ts'
import { ticketContract } from './ticket-contract.ts'
import { transactContract } from './transact-contract.ts'

/** A store under test. `clock` is the one that it was given. */
export interface Subject {
  readonly store: Store
  readonly clock: ManualClock
}

/** What every store must do, whatever it stands on. */
export const storeContract = (name: string, subject: () => Subject): void => {
  describe(name, () => {
    segmentContract(subject)
    changeContract(subject)
    documentContract(subject)
    transactContract(subject)
    ticketContract(subject)
  })
}
