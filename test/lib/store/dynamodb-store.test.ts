import { afterAll, beforeAll, describe } from 'vitest'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../../support/embedded.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { storeContract } from './contract.ts'
import type { Subject } from './subject.ts'

/** On the embedded engine, and on Amazon's DynamoDB Local in `npm run test:dynamodb-local`. */
describe.skipIf(noEmbedded())('with DynamoDB', () => {
  const clock = manualClock()
  let table: EmbeddedTable
  let subject: Subject

  beforeAll(async () => {
    table = await embeddedTable()
    subject = { store: dynamodbStore({ ...table, clock }), clock }
  })
  afterAll(() => table.close())

  storeContract('the store on DynamoDB', () => subject)
})
