import { describe, expect, test } from 'vitest'
import { startRedriveWorker } from '../../../functions/local/redrive-worker.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { getRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

const withDeadLetters = async (count: number): Promise<TestEngine> => {
  const engine = testEngine()
  await createQueue(engine, 'dead')
  await createQueue(engine, 'elsewhere')
  for (let body = 0; body < count; body++) await publish(engine, 'dead', [{ body }])
  return engine
}

describe('the redrive worker', () => {
  test('works on a redrive as soon as it is woken', async () => {
    const engine = await withDeadLetters(3)
    const worker = startRedriveWorker(engine, silentLog)
    const { taskId } = await startRedrive(engine, 'dead', { destination: 'elsewhere' })
    await worker.wake('dead', taskId)
    await engine.clock.advance(1_000)
    expect(await getRedrive(engine, 'dead', taskId)).toMatchObject({ state: 'completed', moved: 3 })
    const moved = await poll(engine, 'elsewhere', { maxMessages: 10 })
    expect(moved.map(({ body }) => body).toSorted()).toEqual([0, 1, 2])
    await ack(
      engine,
      'elsewhere',
      moved.map(({ receiptHandle }) => receiptHandle),
    )
    await worker.stop()
  })

  test('goes on with what was under way at its last end', async () => {
    const engine = await withDeadLetters(20)
    const { taskId } = await startRedrive(engine, 'dead', { destination: 'elsewhere', maxPerSecond: 1 })
    const first = startRedriveWorker(engine, silentLog)
    await engine.clock.advance(5_000)
    await first.stop()
    const { state, moved } = await getRedrive(engine, 'dead', taskId)
    expect(state).toBe('running')
    expect(moved).toBeGreaterThan(0)
    expect(moved).toBeLessThan(20)
    const second = startRedriveWorker(engine, silentLog)
    await engine.clock.advance(60_000)
    expect(await getRedrive(engine, 'dead', taskId)).toMatchObject({ state: 'completed', moved: 20 })
    await second.stop()
  })
})
