import { describe, expect, test } from 'vitest'
import { settingsFrom } from '../../cli/settings.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { getQueue } from '../../lib/queues/get-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { engineWithQueue, testEngine } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

test.each([
  ['visibilityTimeoutSeconds=2m', { visibilityTimeoutSeconds: 120 }],
  ['retentionSeconds=600', { retentionSeconds: 600 }],
  ['retentionSeconds=soon', { retentionSeconds: 'soon' }],
  ['deadLetter=failed', { deadLetter: { queue: 'failed', maxReceives: 5 } }],
  ['deadLetter=failed:3', { deadLetter: { queue: 'failed', maxReceives: 3 } }],
  ['deadLetter={"queue":"failed","maxReceives":2}', { deadLetter: { queue: 'failed', maxReceives: 2 } }],
  ['deadLetter=none', { deadLetter: null }],
  ['paused=true', { paused: true }],
  ['deduplicationMode=pending', { deduplicationMode: 'pending' }],
  ['tags.team=42', { tags: { team: '42' } }],
  ['tags.a=b=c', { tags: { a: 'b=c' } }],
])('the setting %s is %j', (text, settings) => {
  expect(settingsFrom([text])).toEqual(settings)
})

test('settings with dots share their object', () => {
  expect(settingsFrom(['retryPolicy.initialSeconds=1', 'retryPolicy.maximumSeconds=5m'])).toEqual({
    retryPolicy: { initialSeconds: 1, maximumSeconds: 300 },
  })
})

describe('queues', () => {
  test('are created and changed', async () => {
    const engine = testEngine()
    expect(await runCommand(['create', 'failed'], { engine })).toMatchObject({ code: 0, records: [{ name: 'failed' }] })
    const created = await runCommand(['create', 'orders', 'deadLetter=failed:3', 'tags.team=billing'], { engine })
    expect(created.records).toMatchObject([{ deadLetter: { maxReceives: 3 }, tags: { team: 'billing' } }])
    const changed = await runCommand(['set', 'orders', 'deadLetter=none', 'delaySeconds=5m'], { engine })
    expect(changed.records).toMatchObject([{ name: 'orders', delaySeconds: 300 }])
    expect((await getQueue(engine, 'orders')).settings.deadLetter).toBeUndefined()
  })

  test('are not changed by a setting that does not exist, and the error names the closest one', async () => {
    const engine = await engineWithQueue()
    const { code, stderr } = await runCommand(['set', 'orders', 'visibilityTimeout=60'], { engine })
    expect(code).toBe(2)
    expect(stderr).toContain('did you mean visibilityTimeoutSeconds')
    expect(await runCommand(['set', 'orders', 'nonsense'], { engine })).toMatchObject({ code: 2 })
    expect(await runCommand(['set', 'orders'], { engine })).toMatchObject({ code: 2 })
  })

  test('are paused and resumed', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 1 }])
    expect((await runCommand(['pause', 'orders'], { engine })).records).toMatchObject([{ paused: true }])
    expect(await runCommand(['receive', 'orders'], { engine })).toMatchObject({ code: 0, records: [] })
    expect((await runCommand(['queue', 'orders'], { engine })).records[0].troubles).toMatchObject([{ code: 'paused' }])
    await runCommand(['resume', 'orders'], { engine })
    expect((await runCommand(['receive', 'orders'], { engine })).records).toHaveLength(1)
  })

  test.each([
    ['delete', 'deleted'],
    ['purge', 'purged'],
  ])('%s asks for the name, and does nothing where nobody can be asked', async (verb, word) => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 1 }])
    const unasked = await runCommand([verb, 'orders'], { engine })
    expect(unasked.code).toBe(2)
    expect(unasked.stderr).toContain('run the command with --yes. Nothing was changed.')
    expect(await poll(engine, 'orders', {})).toHaveLength(1)
    const done = await runCommand([verb, 'orders', '--yes'], { engine })
    expect(done).toMatchObject({ code: 0, records: [{ [word]: 'orders' }] })
    expect((await runCommand(['peek', 'orders'], { engine })).records).toEqual([])
  })

  test('are not deleted while they are the dead-letter queue of another, unless that is forced', async () => {
    const engine = testEngine()
    await createQueue(engine, 'failed', {})
    await createQueue(engine, 'orders', { settings: { deadLetter: { queue: 'failed', maxReceives: 3 } } })
    const refused = await runCommand(['delete', 'failed', '--yes'], { engine })
    expect(refused.stderr).toContain('is the dead-letter queue of orders')
    expect(refused.code).not.toBe(0)
    expect(await runCommand(['delete', 'failed', '--yes', '--force'], { engine })).toMatchObject({ code: 0 })
  })
})

test('a setting named as a part of every object is a setting that the API refuses, and changes no other object', () => {
  const given = [
    '__proto__.polluted=1',
    'constructor.prototype.polluted=1',
    'results={}',
    'results.__proto__.polluted=1',
  ]
  const settings = settingsFrom(given)
  expect('polluted' in {}).toBe(false)
  expect(Object.keys(settings)).toEqual(['__proto__', 'constructor', 'results'])
})
