import { afterEach, describe, expect, test } from 'vitest'
import { type Client, createClient } from '../../../lib/client.ts'
import { isHoldfastError } from '../../../lib/model/errors.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { PLACES, type Place } from './places.ts'

const places: Place[] = []
afterEach(async () => {
  for (const place of places.splice(0)) await place.close()
})

const orders = (client: Client) => client.queue<never>('orders')
type Work = (client: Client) => unknown

/** Of each input: what it is, the work, and the outcome wherever the queue is. */
const INPUTS: readonly (readonly [string, Work])[] = [
  ['publish undefined', (c) => orders(c).publish(undefined as never)],
  ['publish delaySeconds text', (c) => orders(c).publish(1 as never, { delaySeconds: '5' as never })],
  ['publish delaySeconds NaN', (c) => orders(c).publish(1 as never, { delaySeconds: Number.NaN })],
  ['publish delaySeconds Infinity', (c) => orders(c).publish(1 as never, { delaySeconds: Number.POSITIVE_INFINITY })],
  ['publish delaySeconds too long', (c) => orders(c).publish(1 as never, { delaySeconds: 1e12 })],
  ['publish dueAt NaN', (c) => orders(c).publish(1 as never, { dueAt: Number.NaN })],
  ['publish dueAt negative', (c) => orders(c).publish(1 as never, { dueAt: -1 })],
  ['publish dueAt Date', (c) => orders(c).publish(1 as never, { dueAt: new Date() as never })],
  ['publish dueAt text', (c) => orders(c).publish(1 as never, { dueAt: 'tomorrow' as never })],
  ['publish dueAt and delaySeconds', (c) => orders(c).publish(1 as never, { dueAt: 1, delaySeconds: 1 })],
  ['publish priority without priorities', (c) => orders(c).publish(1 as never, { priority: 3 })],
  ['publish priority 1.5', (c) => orders(c).publish(1 as never, { priority: 1.5 })],
  ['publish priority 12', (c) => orders(c).publish(1 as never, { priority: 12 })],
  ['publish timeToLiveSeconds 0', (c) => orders(c).publish(1 as never, { timeToLiveSeconds: 0 })],
  ['publish groupId empty', (c) => orders(c).publish(1 as never, { groupId: '' })],
  ['publish groupId number', (c) => orders(c).publish(1 as never, { groupId: 7 as never })],
  ['publish groupId long', (c) => orders(c).publish(1 as never, { groupId: 'x'.repeat(129) })],
  ['publish deduplicationId empty', (c) => orders(c).publish(1 as never, { deduplicationId: '' })],
  ['publish deduplicationId umlaut', (c) => orders(c).publish(1 as never, { deduplicationId: 'ü' })],
  ['publish traceHeader empty', (c) => orders(c).publish(1 as never, { traceHeader: '' })],
  ['publish unknown option', (c) => orders(c).publish(1 as never, { delay: 5 } as never)],
  [
    'publish attribute without type',
    (c) => orders(c).publish(1 as never, { attributes: { a: { value: 'x' } } } as never),
  ],
  [
    'publish attribute of bad type',
    (c) => orders(c).publish(1 as never, { attributes: { a: { dataType: 'Text', value: 'x' } } }),
  ],
  [
    'publish attribute number that is none',
    (c) => orders(c).publish(1 as never, { attributes: { a: { dataType: 'Number', value: 'x' } } }),
  ],
  [
    'publish attribute named empty',
    (c) => orders(c).publish(1 as never, { attributes: { '': { dataType: 'String', value: 'x' } } }),
  ],
  ['publish attribute null', (c) => orders(c).publish(1 as never, { attributes: { a: null } } as never)],
  ['publish attribute plain text', (c) => orders(c).publish(1 as never, { attributes: { a: 'x' } } as never)],
  ['publish attributes a list', (c) => orders(c).publish(1 as never, { attributes: [] } as never)],
  ['publish attributes null', (c) => orders(c).publish(1 as never, { attributes: null } as never)],
  [
    'publish attribute empty value',
    (c) => orders(c).publish(1 as never, { attributes: { a: { dataType: 'String', value: '' } } }),
  ],
  ['publish attribute number', (c) => orders(c).publish(1 as never, { attributes: { a: 7 } })],
  ['publish traceHeader long', (c) => orders(c).publish(1 as never, { traceHeader: 'x'.repeat(2_000) })],
  ['publishBatch no list', (c) => orders(c).publishBatch(undefined as never)],
  ['publishBatch entry null', (c) => orders(c).publishBatch([null as never])],
  ['poll maxMessages 0', (c) => orders(c).poll({ maxMessages: 0 })],
  ['poll maxMessages 26', (c) => orders(c).poll({ maxMessages: 26 })],
  ['poll maxMessages 1.5', (c) => orders(c).poll({ maxMessages: 1.5 })],
  ['poll maxMessages text', (c) => orders(c).poll({ maxMessages: '5' as never })],
  ['poll maxMessages NaN', (c) => orders(c).poll({ maxMessages: Number.NaN })],
  ['poll waitTimeSeconds 21', (c) => orders(c).poll({ waitTimeSeconds: 21 })],
  ['poll waitTimeSeconds -1', (c) => orders(c).poll({ waitTimeSeconds: -1 })],
  ['poll waitTimeSeconds 0.5', (c) => orders(c).poll({ waitTimeSeconds: 0.5 })],
  ['poll visibilityTimeoutSeconds -1', (c) => orders(c).poll({ visibilityTimeoutSeconds: -1 })],
  ['poll visibilityTimeoutSeconds 1e9', (c) => orders(c).poll({ visibilityTimeoutSeconds: 1e9 })],
  ['poll attemptId empty', (c) => orders(c).poll({ attemptId: '' })],
  ['poll attemptId long', (c) => orders(c).poll({ attemptId: 'x'.repeat(200) })],
  ['poll unknown option', (c) => orders(c).poll({ max: 5 } as never)],
  ['extend 1e9', (c) => orders(c).extend(['h'], { visibilityTimeoutSeconds: 1e9 })],
  ['extend nothing', (c) => orders(c).extend(['h'], {} as never)],
  ['nack delaySeconds text', (c) => orders(c).nack(['h'], { delaySeconds: 'x' as never })],
  ['nack delaySeconds 1e12', (c) => orders(c).nack(['h'], { delaySeconds: 1e12 })],
  ['ack rubbish', (c) => orders(c).ack('rubbish')],
  ['ack long rubbish', (c) => orders(c).ack('x'.repeat(3_000))],
  ['ack lone surrogate', (c) => orders(c).ack('\ud800')],
  ['get rubbish', (c) => orders(c).get('x')],
  ['get number', (c) => orders(c).get(7 as never)],
  ['get upper case', (c) => orders(c).get('019CA945-0A00-8000-801B-FF0FD396070B')],
  ['browse limit 0', (c) => orders(c).browse({ limit: 0 })],
  ['browse limit 101', (c) => orders(c).browse({ limit: 101 })],
  ['browse limit 1.5', (c) => orders(c).browse({ limit: 1.5 })],
  ['browse cursor rubbish', (c) => orders(c).browse({ cursor: 'rubbish' })],
  ['browse cursor empty', (c) => orders(c).browse({ cursor: '' })],
  ['reschedule nothing', (c) => orders(c).reschedule('019ca945-0a00-8000-801b-ff0fd396070b', {} as never)],
  ['reschedule -1', (c) => orders(c).reschedule('019ca945-0a00-8000-801b-ff0fd396070b', { delaySeconds: -1 })],
  ['reschedule NaN', (c) => orders(c).reschedule('019ca945-0a00-8000-801b-ff0fd396070b', { dueAt: Number.NaN })],
  [
    'reschedule bad date',
    (c) => orders(c).reschedule('019ca945-0a00-8000-801b-ff0fd396070b', { dueAt: new Date('x') }),
  ],
  ['reschedule far', (c) => orders(c).reschedule('019ca945-0a00-8000-801b-ff0fd396070b', { dueAt: 1e15 })],
  ['cancel missing', (c) => orders(c).cancel('019ca945-0a00-8000-801b-ff0fd396070b')],
  ['createQueue unknown setting', (c) => c.createQueue('a', { delay: 5 } as never)],
  ['createQueue delaySeconds -1', (c) => c.createQueue('a', { delaySeconds: -1 })],
  ['createQueue delaySeconds text', (c) => c.createQueue('a', { delaySeconds: '1' as never })],
  ['createQueue retention 1', (c) => c.createQueue('a', { retentionSeconds: 1 })],
  ['createQueue shards 0', (c) => c.createQueue('a', { shards: 0 })],
  ['createQueue deadLetter missing', (c) => c.createQueue('a', { deadLetter: { queue: 'none', maxReceives: 1 } })],
  [
    'createQueue deadLetter maxReceives 0',
    (c) => c.createQueue('a', { deadLetter: { queue: 'orders', maxReceives: 0 } }),
  ],
  ['createQueue deadLetter rubbish', (c) => c.createQueue('a', { deadLetter: 'orders' as never })],
  ['createQueue deadLetter null', (c) => c.createQueue('a', { deadLetter: null })],
  ['createQueue fifo without ending', (c) => c.createQueue('a', { fifo: {} as never })],
  ['createQueue ending without fifo', (c) => c.createQueue('a.fifo', {})],
  ['createQueue retryPolicy rubbish', (c) => c.createQueue('a', { retryPolicy: { initialSeconds: -1 } })],
  [
    'createQueue retryPolicy jitter',
    (c) => c.createQueue('a', { retryPolicy: { initialSeconds: 1, jitter: 'some' as never } }),
  ],
  ['createQueue tags number', (c) => c.createQueue('a', { tags: { a: 1 as never } })],
  ['createQueue tag name empty', (c) => c.createQueue('a', { tags: { '': 'x' } })],
  ['createQueue settings null', (c) => c.createQueue('a', null as never)],
  ['createQueue deduplicationMode', (c) => c.createQueue('a', { deduplicationMode: 'once' as never })],
  ['update unknown setting', (c) => orders(c).update({ delay: 5 } as never)],
  ['update fifo', (c) => orders(c).update({ fifo: {} } as never)],
  ['update null where it must be', (c) => orders(c).update({ delaySeconds: null as never })],
  ['listQueues limit 0', (c) => c.listQueues({ limit: 0 })],
  ['listQueues limit 1001', (c) => c.listQueues({ limit: 1_001 })],
  ['listQueues cursor rubbish', (c) => c.listQueues({ cursor: 'rubbish' })],
  ['listQueues cursor empty', (c) => c.listQueues({ cursor: '' })],
  ['listQueues prefix long', (c) => c.listQueues({ prefix: 'x'.repeat(200) })],
]

const outcomeOf = async (client: Client, work: Work): Promise<string> => {
  try {
    const value = await work(client)
    const [first] = Array.isArray(value) ? value : []
    if (first && first.ok === false) return `entry ${first.error.code} ${first.error.fields.field ?? ''}`
    return 'done'
  } catch (error) {
    if (!isHoldfastError(error)) return `${(error as Error).name}: ${(error as Error).message}`
    return `${error.code} ${error.fields.field ?? ''}`
  }
}

describe('bad input', () => {
  test.each(INPUTS)('%s is refused alike in this process and over HTTP', async (name, work) => {
    const outcomes: string[] = []
    for (const [place, open] of PLACES) {
      if (place === 'on a table') continue
      const opened = await open({})
      places.push(opened)
      await opened.client.createQueue('orders')
      outcomes.push(await outcomeOf(opened.client, work))
    }
    const [inProcess, overHttp] = outcomes
    expect({ name, outcome: overHttp }).toEqual({ name, outcome: inProcess })
    expect(inProcess).not.toMatch(/^(Type|Range|Reference|Syntax)?Error:/)
  })
})

test('a client refuses an option that it does not know, without its value, which may be a secret', () => {
  expect(() => createClient({ url: 'http://127.0.0.1:9324', credential: 'secret' } as never)).toThrow(
    expect.objectContaining({
      code: 'InvalidRequest',
      message: 'credential is not a known field: did you mean credentials?',
    }),
  )
})

const ID = '019ca945-0a00-8000-801b-ff0fd396070b'

/** Of each call with a mistyped option: the name and value given, the call, and the name meant. */
const MISTYPED: readonly (readonly [given: string, Work, meant: string])[] = [
  ['shema (1)', (c) => c.queue('orders', { shema: 1 } as never), 'schema'],
  ['visibilityTimeout (5)', (c) => c.createQueue('a', { visibilityTimeout: 5 } as never), 'visibilityTimeoutSeconds'],
  ['limt (5)', (c) => c.listQueues({ limt: 5 } as never), 'limit'],
  ['delaySecond (5)', (c) => orders(c).update({ delaySecond: 5 } as never), 'delaySeconds'],
  ['delaySecond (5)', (c) => orders(c).publish(1 as never, { delaySecond: 5 } as never), 'delaySeconds'],
  ['boddy (5)', (c) => orders(c).publishBatch([{ boddy: 5 } as never]), 'body'],
  ['maxMessage (5)', (c) => orders(c).poll({ maxMessage: 5 } as never), 'maxMessages'],
  ['reslt (5)', (c) => orders(c).ack(['h'], { reslt: 5 } as never), 'result'],
  ['delay (5)', (c) => orders(c).nack(['h'], { delay: 5 } as never), 'delaySeconds'],
  [
    'visibilityTimeout (5)',
    (c) => orders(c).extend(['h'], { visibilityTimeout: 5 } as never),
    'visibilityTimeoutSeconds',
  ],
  ['signl (5)', (c) => orders(c).unreceive(['h'], { signl: 5 } as never), 'signal'],
  ['concurency (5)', (c) => orders(c).consume(() => {}, { concurency: 5 } as never), 'concurrency'],
  ['limt (5)', (c) => orders(c).browse({ limt: 5 } as never), 'limit'],
  ['delay (5)', (c) => orders(c).reschedule(ID, { delay: 5 } as never), 'delaySeconds'],
  ['timeout (5)', (c) => orders(c).result(ID, { timeout: 5 } as never), 'timeoutSeconds'],
]

describe('a mistyped option', () => {
  test.each(MISTYPED)('is refused with the name that it probably means: %s', async (given, work, meant) => {
    for (const [where, open] of PLACES) {
      if (where === 'on a table') continue
      const opened = await open({})
      places.push(opened)
      await opened.client.createQueue('orders')
      const outcome = await Promise.resolve()
        .then(() => work(opened.client))
        .catch((error: unknown) => error)
      const error = Array.isArray(outcome) ? outcome[0].error : outcome
      expect(error).toMatchObject({
        code: 'InvalidRequest',
        message: `${given} is not a known field: did you mean ${meant}?`,
      })
    }
  })

  test('of a transaction is refused, and in a message with its place', async () => {
    const client = createClient({ store: memoryStore() })
    expect(() => client.transaction({ strct: true } as never)).toThrow('did you mean strict?')
    expect(() => client.transaction().ack('h', { reslt: 1 } as never)).toThrow('did you mean result?')
    await client.createQueue('orders')
    const transaction = client.transaction()
    transaction.publish('orders', [{ body: 1 }, { body: 2, delaySecond: 5 } as never])
    await expect(transaction.commit()).rejects.toThrow(
      'messages[1].delaySecond (5) is not a known field: did you mean delaySeconds?',
    )
  })
})
