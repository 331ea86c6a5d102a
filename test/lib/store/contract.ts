import { describe } from 'vitest'
import { changeContract } from './change-contract.ts'
import { documentContract } from './document-contract.ts'
import { segmentContract } from './segment-contract.ts'
import type { Subject } from './subject.ts'
import { ticketContract } from './ticket-contract.ts'
import { ticketProperty } from './ticket-property.ts'
import { transactContract } from './transact-contract.ts'

/** What every store must do, whatever it stands on. */
export const storeContract = (name: string, subject: () => Subject): void => {
  describe(name, () => {
    segmentContract(subject)
    changeContract(subject)
    documentContract(subject)
    transactContract(subject)
    ticketContract(subject)
    ticketProperty(subject)
  })
}
