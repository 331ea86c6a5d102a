import { describe, expect, test } from 'vitest'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { dueKey, triggerKey } from '../../../lib/store/keys.ts'
import type { Store } from '../../../lib/store/port.ts'
import { getTrigger, readTrigger, removeTrigger, setTrigger } from '../../../lib/triggers/trigger.ts'
import { engineWithQueue } from '../../support/test-engine.ts'

const GIVEN = { queue: 'orders', functionName: 'handler', functionTimeoutSeconds: 3 }
const FIRST = { declaredBy: 'first stack' }
const SECOND = { declaredBy: 'second stack' }

describe('a trigger that is kept by a declaration', () => {
  test('is changed by it and by nobody else who declares one', async () => {
    const engine = await engineWithQueue()
    await setTrigger(engine, GIVEN, FIRST)
    await setTrigger(engine, { ...GIVEN, batchSize: 5 }, FIRST)
    await expect(setTrigger(engine, { ...GIVEN, functionName: 'other' }, SECOND)).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: 'queue orders has a trigger that first stack declares: remove it there first',
    })
    expect(await getTrigger(engine, 'orders')).toMatchObject({ functionName: 'handler', batchSize: 5 })
  })

  test('is removed by it alone', async () => {
    const engine = await engineWithQueue()
    await setTrigger(engine, GIVEN, FIRST)
    expect(await removeTrigger(engine, 'orders', SECOND)).toBe(false)
    expect(await removeTrigger(engine, 'orders', FIRST)).toBe(true)
    expect(await removeTrigger(engine, 'orders', FIRST)).toBe(false)
    await setTrigger(engine, GIVEN, SECOND)
    expect(await readTrigger(engine, 'orders')).toMatchObject(SECOND)
  })

  test('takes over what a caller has set, and is a caller’s again when one sets it', async () => {
    const engine = await engineWithQueue()
    await setTrigger(engine, GIVEN)
    await setTrigger(engine, { ...GIVEN, batchSize: 5 }, FIRST)
    expect(await readTrigger(engine, 'orders')).toMatchObject({ batchSize: 5, ...FIRST })
    await setTrigger(engine, { ...GIVEN, batchSize: 7 })
    expect(await removeTrigger(engine, 'orders', FIRST)).toBe(false)
    expect(await removeTrigger(engine, 'orders')).toBe(true)
  })

  test('stays when another declares it between the read and the write of a declaration or a removal', async () => {
    const engine = await engineWithQueue()
    await createQueue(engine, 'bills', {})
    /** Before its next write, what `meanwhile` does is done. */
    const interrupted = (meanwhile: () => Promise<unknown>): typeof engine => {
      let pending: (() => Promise<unknown>) | undefined = meanwhile
      const transact: Store['transact'] = async (writes) => {
        const first = pending
        pending = undefined
        await first?.()
        return engine.store.transact(writes)
      }
      return { ...engine, store: { ...engine.store, transact } }
    }
    const declaring = interrupted(() => setTrigger(engine, GIVEN, SECOND))
    await expect(setTrigger(declaring, GIVEN, FIRST)).rejects.toMatchObject({ code: 'InvalidRequest' })

    await setTrigger(engine, { ...GIVEN, queue: 'bills' }, FIRST)
    const removing = interrupted(() => setTrigger(engine, { ...GIVEN, queue: 'bills', batchSize: 2 }))
    expect(await removeTrigger(removing, 'bills', FIRST)).toBe(false)
    expect(await getTrigger(engine, 'bills')).toMatchObject({ batchSize: 2 })
  })

  test.each([
    ['after it was read', 'transact'],
    ['while it is read', 'getDocument'],
  ] as const)('stays when it was declared %s, with the version that the removed one had', async (_, before) => {
    const engine = await engineWithQueue()
    /** Before the process's last request of its first try, another stack declares the queue's trigger in place of this one's. */
    const overtaken = (): typeof engine => {
      let reads = 0
      let isReplaced = false
      const replace = async () => {
        if (isReplaced) return
        isReplaced = true
        await removeTrigger(engine, 'orders')
        await setTrigger(engine, GIVEN, SECOND)
      }
      const { store } = engine
      const ofTrigger = new Set([triggerKey('orders').partition, dueKey('orders').partition])
      const getDocument: Store['getDocument'] = async (key, options) => {
        if (before === 'getDocument' && ofTrigger.has(key.partition) && ++reads === 2) await replace()
        return store.getDocument(key, options)
      }
      const transact: Store['transact'] = async (writes) => {
        if (before === 'transact') await replace()
        return store.transact(writes)
      }
      return { ...engine, store: { ...store, getDocument, transact } }
    }
    await setTrigger(engine, GIVEN, FIRST)
    expect(await removeTrigger(overtaken(), 'orders', FIRST)).toBe(false)
    expect(await readTrigger(engine, 'orders')).toMatchObject(SECOND)

    await removeTrigger(engine, 'orders')
    await setTrigger(engine, GIVEN, FIRST)
    await expect(setTrigger(overtaken(), GIVEN, FIRST)).rejects.toMatchObject({ code: 'InvalidRequest' })
    expect(await readTrigger(engine, 'orders')).toMatchObject(SECOND)
  })
})
