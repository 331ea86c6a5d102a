import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { parseQueueFile, queueFileSchema, readQueueFile } from '../../../functions/local/queue-file.ts'
import { moduleOf } from '../../../functions/local/triggers/local-trigger.ts'
import { LIMITS } from '../../../lib/model/limits.ts'
import fc from '../../support/properties.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

/** The message with which a file is refused. */
const refusal = async (content: string | Uint8Array): Promise<string> => {
  const file = join(await temporaryDirectory(), 'holdfast.json')
  writeFileSync(file, content)
  const error = await readQueueFile(file).then(
    () => new Error('it was accepted'),
    (reason: Error) => reason,
  )
  expect(error.name === 'UsageError' ? '' : error.stack).toBe('')
  expect(error.message.startsWith(`--queues ${file}: `)).toBe(true)
  return error.message.slice(`--queues ${file}: `.length)
}
const refusalOf = (queues: unknown) => refusal(JSON.stringify({ queues }))

describe('a file that declares queues', () => {
  test('is read with all that a queue can have', async () => {
    const orders = {
      visibilityTimeoutSeconds: 60,
      deadLetter: { queue: 'orders-failed', maxReceives: 5 },
      retryPolicy: { initialSeconds: 1 },
      tags: { team: 'shipping' },
      redriveAllowPolicy: { permission: 'byQueue', sourceQueues: ['jobs'] },
    }
    const file = join(await temporaryDirectory(), 'holdfast.json')
    const content = { $schema: './holdfast.schema.json', queues: { orders, 'payments.fifo': { fifo: {} } } }
    writeFileSync(file, `\uFEFF${JSON.stringify(content)}`)
    expect([...(await readQueueFile(file)).queues]).toEqual([
      ['orders', orders],
      ['payments.fifo', { fifo: {} }],
    ])
  })

  test.each<[string, string]>([
    ['', 'line 1, column 1: the file is not valid JSON'],
    ['{\n  "queues": {\n    "orders": {},\n  }\n}\n', 'line 4, column 3: queues is not valid JSON'],
    [
      '{\n  "queues": {\n    "orders": { "shards": 1 }\n    "jobs": {}\n  }\n}',
      'line 4, column 5: queues is not valid JSON',
    ],
    ['{"queues": {\n// none yet\n}}', 'line 2, column 1: queues is not valid JSON'],
    ['{"queues": {"orders": {},\n "orders": {}}}', 'line 2, column 2: queues.orders is there twice'],
  ])('says in which line of %j the JSON ends', async (content, message) => {
    expect(await refusal(content)).toBe(message)
  })

  test.each<[unknown, string]>([
    [
      { orders: { visibilityTimeout: 60 } },
      'queues.orders.visibilityTimeout (60) is not a known field: did you mean visibilityTimeoutSeconds?',
    ],
    [{ orders: { delaySeconds: '5' } }, 'queues.orders.delaySeconds must be a number, but is "5"'],
    [{ orders: { shards: 101 } }, 'queues.orders.shards must be at most 100, but is 101'],
    [
      { orders: { deadLetter: { queue: 'dead', maxReceive: 3 } } },
      'queues.orders.deadLetter.maxReceive (3) is not a known field: did you mean maxReceives?',
    ],
    [
      { 'a.fifo': { retryPolicy: { factor: 2 } } },
      'queues["a.fifo"].retryPolicy.initialSeconds must be a number, but is missing',
    ],
    [
      { 'a.fifo': { priorities: 2 } },
      'queues["a.fifo"].priorities must be 1 on a FIFO queue, whose order is that of publication, but is 2',
    ],
    [{ orders: { fifo: {} } }, 'queues.orders must end in .fifo, as it has fifo settings, but is "orders"'],
    [
      { orders: { deadLetter: { queue: 'dead.fifo', maxReceives: 1 } } },
      'queues.orders.deadLetter.queue must be of the same kind as the queue, FIFO or standard, but is "dead.fifo"',
    ],
    [{ orders: null }, 'queues.orders must be an object, but is null'],
    [
      { 'my orders': {} },
      'the name "my orders" in queues must be 1 to 80 letters, digits, hyphens or underscores (.fifo at the end for a FIFO queue)',
    ],
    [[], 'queues must be an object, but is a list of 0 elements'],
    [undefined, 'queues must be an object, but is missing'],
  ])('refuses the queues %j by their place in the file', async (queues, message) => {
    expect(await refusalOf(queues)).toBe(message)
  })

  test('has no other sections', async () => {
    expect(await refusal('{"queue": {}}')).toBe('queue is not a known field: did you mean queues?')
    expect(await refusal('[]')).toBe('the file must be an object, but is a list of 0 elements')
  })

  test('names triggers, whose modules are found from its own directory', async () => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'holdfast.json')
    const filter = { body: { kind: ['order'] } }
    const orders = { handler: './ship.ts', batchSize: 50, functionTimeoutSeconds: 90, filter, unmatched: 'delete' }
    const jobs = { handler: 'do-jobs', enabled: false }
    writeFileSync(file, JSON.stringify({ queues: { orders: {}, jobs: {} }, triggers: { orders, jobs } }))
    const { triggers } = await readQueueFile(file)
    expect(triggers).toMatchObject([
      { queue: 'orders', ...orders, declaredIn: `--queues ${file}: triggers.orders` },
      { queue: 'jobs', ...jobs },
    ])
    expect(triggers.map(moduleOf)).toEqual([join(directory, 'ship.ts'), undefined])
  })

  test.each<[unknown, string]>([
    [{ orders: {} }, 'triggers.orders.handler must be a string, but is missing'],
    [{ orders: { handler: '' } }, 'triggers.orders.handler must have at least 1 character, but is ""'],
    [
      { orders: { handler: './a.ts', batchsize: 5 } },
      'triggers.orders.batchsize (5) is not a known field: did you mean batchSize?',
    ],
    [{ orders: { handler: './a.ts', batchSize: 101 } }, 'triggers.orders.batchSize must be at most 100, but is 101'],
    [
      { 'steps.fifo': { handler: './a.ts', batchSize: 11 } },
      'triggers["steps.fifo"].batchSize must be a whole number from 1 to 10, but is 11',
    ],
    [
      { orders: { handler: './a.ts', filter: { body: ['x'] } } },
      'triggers.orders.unmatched must be given exactly when there is a filter: "delete", or { queue } to move them to, but is missing',
    ],
    [{ orders: { handler: './a.ts', filter: { boddy: ['x'] }, unmatched: 'delete' } }, 'triggers.orders.filter[0]'],
    [{ 'my orders': { handler: './a.ts' } }, 'the name "my orders" in triggers must be 1 to 80 letters'],
  ])('refuses the triggers %j by their place in the file', async (triggers, message) => {
    const queues = { orders: {}, 'steps.fifo': {} }
    expect(await refusal(JSON.stringify({ queues, triggers }))).toContain(message)
  })

  test('names one trigger a queue', async () => {
    const twice = '{"queues": {"orders": {}}, "triggers": {"orders": {"handler": "a"},\n "orders": {"handler": "b"}}}'
    expect(await refusal(twice)).toBe('line 2, column 2: triggers.orders is there twice')
  })

  test('must be there, and be text', async () => {
    expect(await refusal(new Uint8Array([0x22, 0xff, 0x22]))).toBe('the file is not UTF-8')
    const directory = join(await temporaryDirectory(), 'folder')
    mkdirSync(directory)
    await expect(readQueueFile(directory)).rejects.toThrow('this is a directory, not a file')
    await expect(readQueueFile(join(directory, 'none.json'))).rejects.toThrow('there is no such file')
  })
})

describe('the schema for editors', () => {
  test('in docs/ is that of the code; `vitest -u` writes it anew', async () => {
    const text = `${JSON.stringify(queueFileSchema(), null, 2)}\n`
    await expect(text).toMatchFileSnapshot('../../../docs/holdfast.schema.json')
  })

  const fits = new Ajv2020({ strict: true, validateFormats: false }).compile(queueFileSchema())
  const accepted = (document: unknown): boolean => {
    try {
      parseQueueFile(JSON.stringify(document), 'holdfast.json')
      return true
    } catch {
      return false
    }
  }

  /** Around each bound, and of other kinds. */
  const amounts = (least: number, most: number) =>
    fc.constantFrom<unknown>(least - 1, least, least + 1, most, most + 1, least + 0.5, '1', null, true)
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
  const names = fc.constantFrom('orders', 'jobs', 'a'.repeat(80), 'a'.repeat(81), 'no name', '')
  const plain = {
    visibilityTimeoutSeconds: maybe(amounts(0, LIMITS.visibilityTimeoutSeconds)),
    delaySeconds: maybe(amounts(0, LIMITS.delaySeconds)),
    retentionSeconds: maybe(amounts(LIMITS.retentionSecondsMin, LIMITS.retentionSeconds)),
    maximumMessageBytes: maybe(amounts(LIMITS.messageBytesMin, LIMITS.messageBytes)),
    receiveWaitTimeSeconds: maybe(amounts(0, LIMITS.waitTimeSeconds)),
    priorities: maybe(amounts(1, LIMITS.priorities)),
    shards: maybe(amounts(1, LIMITS.shards)),
    deduplicationWindowSeconds: maybe(amounts(1, LIMITS.deduplicationWindowSeconds)),
    deduplicationMode: maybe(fc.constantFrom<unknown>('window', 'pending', 'never', 1)),
    maxInFlightPerGroup: maybe(amounts(1, LIMITS.maxInFlightPerGroup)),
    deadLetter: maybe(fc.record({ queue: maybe(names), maxReceives: maybe(amounts(1, LIMITS.maxReceives)) })),
    retryPolicy: maybe(
      fc.record({
        initialSeconds: maybe(amounts(0, LIMITS.retryDelaySeconds)),
        factor: maybe(amounts(1, 100)),
        maximumSeconds: maybe(amounts(0, LIMITS.retryDelaySeconds)),
        jitter: maybe(fc.constantFrom<unknown>('none', 'full', 'some')),
        growth: maybe(fc.constant(2)),
      }),
    ),
    redriveAllowPolicy: maybe(fc.constantFrom<unknown>({ permission: 'denyAll' }, { permission: 'some' }, {})),
    tags: maybe(
      fc.constantFrom<unknown>(
        {},
        { a: 'b' },
        { a: 1 },
        { '': 'x' },
        { ['k'.repeat(129)]: 'x' },
        { a: 'v'.repeat(257) },
      ),
    ),
    results: maybe(fc.record({ retentionSeconds: maybe(amounts(60, 2_592_000)) })),
    visibility: maybe(fc.constant(1)),
  }
  /** Most faults one at a time: of ten at once, each would hide the others. */
  const faulty = fc
    .record({
      $schema: maybe(fc.constantFrom<unknown>('./schema.json', 1)),
      queues: fc.dictionary(names, fc.record(plain), { maxKeys: 2 }),
      triggers: fc.option(fc.constant({}), { nil: undefined, freq: 20 }),
    })
    .map((document) => JSON.parse(JSON.stringify(document)) as unknown)
  const one = fc
    .constantFrom(...(Object.keys(plain) as (keyof typeof plain)[]))
    .chain((key) => (plain[key] as fc.Arbitrary<unknown>).map((value) => ({ queues: { orders: { [key]: value } } })))
    .map((document) => JSON.parse(JSON.stringify(document)) as unknown)

  test('takes exactly what the server takes, but for what depends on several settings', () => {
    const seen = { both: 0, neither: 0 }
    fc.assert(
      fc.property(fc.oneof(one, faulty), (document) => {
        expect([document, fits(document)]).toEqual([document, accepted(document)])
        seen[accepted(document) ? 'both' : 'neither']++
      }),
      { numRuns: 2_000 },
    )
    expect(Math.min(seen.both, seen.neither)).toBeGreaterThan(200)
  })

  test.each([
    [{ 'a.fifo': { priorities: 2 } }],
    [{ orders: { fifo: {} } }],
    [{ orders: { deadLetter: { queue: 'dead.fifo', maxReceives: 1 } } }],
    [{ orders: { redriveAllowPolicy: { permission: 'byQueue' } } }],
  ])('leaves %j to the server', (queues) => {
    expect([fits({ queues }), accepted({ queues })]).toEqual([true, false])
  })
})
