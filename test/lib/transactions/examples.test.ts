import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Transfer, transfer } from '../../../examples/exactly-once.ts'
import { beginTrip, bookTrips, createQueues } from '../../../examples/saga.ts'
import { createClient } from '../../../lib/client.ts'
import { createEngine } from '../../../lib/engine.ts'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { embeddedEndpoint, localClient, noEmbedded } from '../../support/embedded.ts'
import { openRig, type Rig } from './rig.ts'

/** A client that is killed at one of its requests: before that reaches DynamoDB, or after it was done. */
const mortal = (client: DynamoDBClient, request: number, when: 'before' | 'after') => {
  let requests = 0
  let kill: () => void = () => {}
  const killed = new Promise<'killed'>((resolve) => {
    kill = () => resolve('killed')
  })
  const dead = new Promise<never>(() => {})
  let isDead = false
  const send = async (command: unknown): Promise<unknown> => {
    if (isDead) return dead
    const last = requests++ === request
    if (last) isDead = true
    if (!last || when === 'after') {
      const answer = client.send(command as never)
      if (!last) return answer
      await answer.catch(() => {})
    }
    kill()
    return dead
  }
  return { client: Object.assign(Object.create(client) as DynamoDBClient, { send }), killed }
}

describe.skipIf(noEmbedded())('the examples', () => {
  let rig: Rig
  beforeEach(async () => {
    rig = await openRig()
  })
  afterEach(() => rig.close())

  /** A process of its own: nothing is shared with others but the table. */
  const processOn = (dynamodb: DynamoDBClient) => {
    const store = dynamodbStore({ client: dynamodb, table: rig.table, clock: rig.clock })
    const holdfast = createClient({ engine: createEngine({ store, clock: rig.clock }) })
    return { holdfast, transfers: holdfast.queue<Transfer>('transfers'), dynamodb }
  }

  test('moves money between two accounts exactly once, killed at every step a hundred times', async () => {
    await rig.client.createQueue('transfers')
    await rig.put('ada', 1_000)
    await rig.put('bob', 1_000)
    const KILLS = 100
    const amounts = Array.from({ length: KILLS + 1 }, (_, n) => (n % 7) - 3)
    const transfers = amounts.map(
      (amount): Transfer =>
        amount < 0 ? { from: 'bob', to: 'ada', amount: -amount } : { from: 'ada', to: 'bob', amount },
    )
    await rig.client.queue<Transfer>('transfers').publishBatch(transfers.map((body) => ({ body })))

    const work = async (
      { holdfast, transfers, dynamodb }: ReturnType<typeof processOn>,
      maxMessages = 2,
    ): Promise<'worked'> => {
      const move = transfer(holdfast, dynamodb, rig.accounts)
      for (const message of await transfers.poll({ maxMessages })) await move(message)
      return 'worked'
    }
    let kills = 0
    const killedAt = new Set<string>()
    // Each process lives one request longer than the one before, until one gets through; then it begins anew.
    for (let request = 0; kills < KILLS; ) {
      const when = kills % 2 === 0 ? 'before' : 'after'
      const { client, killed } = mortal(rig.dynamodb, request, when)
      const outcome = await Promise.race([work(processOn(client)), killed])
      rig.clock.advance(31_000)
      if (outcome === 'killed') {
        kills++
        killedAt.add(`${request} ${when}`)
        request++
      } else request = 0
    }
    // The queue's record and layout, the headers, the claims, the bodies, and a transaction for each of two messages.
    expect(killedAt.size).toBeGreaterThan(8)
    const survivor = processOn(localClient(embeddedEndpoint()))
    for (let turn = 0; turn < 200 && (await survivor.transfers.counts()).ready > 0; turn++) await work(survivor, 10)
    const moved = amounts.reduce((sum, amount) => sum + amount, 0)
    expect([await rig.balance('ada'), await rig.balance('bob')]).toEqual([1_000 - moved, 1_000 + moved])
    survivor.dynamodb.destroy()
  })

  test('does not move money that is not there, and tries again', async () => {
    await rig.client.createQueue('transfers')
    await rig.put('ada', 1)
    await rig.put('bob', 0)
    const transfers = rig.client.queue<Transfer>('transfers')
    await transfers.publish({ from: 'ada', to: 'bob', amount: 5 })
    const move = transfer(rig.client, rig.dynamodb, rig.accounts)
    const [message] = await transfers.poll()
    await expect(move(message as never)).rejects.toMatchObject({ code: 'TransactionCanceled' })
    await rig.put('ada', 5)
    await move(message as never)
    expect([await rig.balance('ada'), await rig.balance('bob')]).toEqual([0, 5])
    // Delivered once more, it changes nothing.
    await move(message as never)
    expect([await rig.balance('ada'), await rig.balance('bob')]).toEqual([0, 5])
  })

  test('books a trip step by step, each step once, though the work of a step is done twice', async () => {
    // Workers need a clock that moves by itself.
    const dynamodb = localClient(embeddedEndpoint())
    const holdfast = createClient({ table: rig.table, dynamodb })
    await createQueues(holdfast)
    const trips = rig.accounts
    for (const _ of [1, 2]) await beginTrip(holdfast, dynamodb, trips, 'rome')
    const booked: string[] = []
    let failures = 1
    const book = async (_: string, id: string) => {
      booked.push(id)
      if (id === 'rome-hotel' && failures-- > 0) throw new Error('the hotel does not answer')
      if (id === 'rome-car') finished()
    }
    let finished = () => {}
    const end = new Promise<void>((resolve) => {
      finished = resolve
    })
    const workers = bookTrips(holdfast, { dynamodb, trips, book })
    await end
    await Promise.all(workers.map((worker) => worker.stop()))
    expect(booked).toEqual(['rome-flight', 'rome-hotel', 'rome-hotel', 'rome-car'])
    const { Item } = await rig.dynamodb.send(
      new GetItemCommand({ TableName: trips, Key: { id: { S: 'rome' } }, ConsistentRead: true }),
    )
    expect(Item?.booked).toEqual({ L: [{ S: 'flight' }, { S: 'hotel' }, { S: 'car' }] })
    for (const step of ['flight', 'hotel', 'car']) {
      expect(await holdfast.queue(`book-${step}`).counts()).toMatchObject({ ready: 0, leased: 0 })
    }
    dynamodb.destroy()
  })
})
