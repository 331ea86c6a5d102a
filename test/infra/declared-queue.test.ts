import { RemovalPolicy } from 'aws-cdk-lib'
import { describe, expect, test } from 'vitest'
import { declareQueue, type QueueDeclaration } from '../../functions/operations/declare-queue.ts'
import { declareTrigger, type TriggerDeclaration } from '../../functions/operations/declare-trigger.ts'
import { createEngine } from '../../lib/engine.ts'
import type { SettingsChange } from '../../lib/model/queue-settings.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { getQueue } from '../../lib/queues/get-queue.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import { getTrigger } from '../../lib/triggers/trigger.ts'
import { serviceTemplate } from '../support/template.ts'

const newEngine = () => createEngine({ store: memoryStore() })

const declaration = (
  RequestType: QueueDeclaration['RequestType'],
  name: string,
  settings: SettingsChange = {},
  PhysicalResourceId?: string,
): QueueDeclaration => ({
  RequestType,
  ResponseURL: 'http://localhost/never-called',
  StackId: 'stack',
  RequestId: 'request',
  ResourceType: 'Custom::HoldfastQueue',
  LogicalResourceId: 'Queue',
  ...(PhysicalResourceId !== undefined && { PhysicalResourceId }),
  ResourceProperties: { name, settings: JSON.stringify(settings) },
})

describe('a declared queue, in the template', () => {
  test('carries its settings as text, and stays when it leaves the stack', () => {
    const { template } = serviceTemplate({}, (service) => {
      const failed = service.addQueue('failed', { removalPolicy: RemovalPolicy.DESTROY })
      const settings = { visibilityTimeoutSeconds: 90 }
      service.addQueue('orders', { settings, deadLetter: { queue: failed, maxReceives: 3 } })
    })
    template.hasResource('Custom::HoldfastQueue', {
      DeletionPolicy: 'Retain',
      Properties: {
        name: 'orders',
        settings: '{"visibilityTimeoutSeconds":90,"deadLetter":{"queue":"failed","maxReceives":3}}',
      },
    })
    template.hasResource('Custom::HoldfastQueue', { DeletionPolicy: 'Delete', Properties: { name: 'failed' } })
  })

  test('waits for its dead-letter queue', () => {
    const { template } = serviceTemplate({}, (service) => {
      service.addQueue('orders', { deadLetter: { queue: service.addQueue('failed'), maxReceives: 3 } })
    })
    const found = Object.entries(template.findResources('Custom::HoldfastQueue'))
    const [failed] = found.find(([, { Properties }]) => Properties.name === 'failed') ?? []
    const [, orders] = found.find(([, { Properties }]) => Properties.name === 'orders') ?? []
    expect(orders?.DependsOn).toEqual([failed])
  })

  test('brings its function with it, which no stack without queues has', () => {
    const count = (view: ReturnType<typeof serviceTemplate>) => view.ofType('AWS::Lambda::Function').length
    const twoQueues = serviceTemplate({}, (service) => {
      service.addQueue('one')
      service.addQueue('two')
    })
    expect(count(twoQueues)).toBe(count(serviceTemplate()) + 1)
  })

  test.each([
    ['a name that no queue can have', 'my queue', {}, 'queue must be 1 to 80 letters'],
    ['a setting out of range', 'orders', { delaySeconds: -1 }, 'delaySeconds must be a whole number'],
    ['FIFO settings of a queue that is none', 'orders', { fifo: { contentBasedDeduplication: true } }, '.fifo'],
  ])('is refused with %s before anything is deployed', (_, name, settings, reason) => {
    expect(() => serviceTemplate({}, (service) => service.addQueue(name, { settings: settings as never }))).toThrow(
      reason,
    )
  })

  test('is refused with a mistyped property', () => {
    const adding = (props: object) => () => serviceTemplate({}, (service) => service.addQueue('orders', props as never))
    expect(adding({ setings: {} })).toThrow('setings ({}) is not a known field: did you mean settings?')
    expect(adding({ visibilityTimeoutSeconds: 60 })).toThrow('there are deadLetter, settings, removalPolicy')
    expect(adding({ deadLetter: { maxReceive: 3 } })).toThrow(
      'deadLetter.maxReceive (3) is not a known field: did you mean maxReceives?',
    )
  })

  test('is a FIFO queue by its name', () => {
    const { one } = serviceTemplate({}, (service) => service.addQueue('orders.fifo'))
    expect(JSON.parse(one('Custom::HoldfastQueue').settings)).toMatchObject({
      fifo: { contentBasedDeduplication: false },
    })
  })
})

describe('a declared queue, when the stack is deployed', () => {
  test('is created', async () => {
    const owner = newEngine()
    expect(await declareQueue(owner, declaration('Create', 'orders', { delaySeconds: 7 }))).toBe('orders')
    expect((await getQueue(owner, 'orders')).settings.delaySeconds).toBe(7)
  })

  test('is taken over when it exists, with all of its settings as declared', async () => {
    const owner = newEngine()
    await createQueue(owner, 'failed')
    const settings = {
      delaySeconds: 5,
      retentionSeconds: 60,
      shards: 4,
      deadLetter: { queue: 'failed', maxReceives: 2 },
    }
    await createQueue(owner, 'orders', { settings })
    await declareQueue(owner, declaration('Create', 'orders', { delaySeconds: 7 }))
    const taken = (await getQueue(owner, 'orders')).settings
    expect(taken).toMatchObject({ delaySeconds: 7, retentionSeconds: 345_600, shards: 4 })
    expect(taken.deadLetter).toBeUndefined()
  })

  test('is paused and resumed by its declaration, and left as it is by a declaration without the setting', async () => {
    const owner = newEngine()
    const paused = async () => (await getQueue(owner, 'orders')).settings.paused
    const update = (settings: SettingsChange, before: SettingsChange) => {
      const request = declaration('Update', 'orders', settings, 'orders')
      const old = { name: 'orders', settings: JSON.stringify(before) }
      return declareQueue(owner, { ...request, OldResourceProperties: old })
    }
    await declareQueue(owner, declaration('Create', 'orders'))
    await updateQueue(owner, 'orders', { settings: { paused: true } })
    await update({ delaySeconds: 1 }, {})
    expect(await paused()).toBe(true)
    await update({ paused: false }, { delaySeconds: 1 })
    expect(await paused()).toBeUndefined()
    await update({ paused: true }, { paused: false })
    expect(await paused()).toBe(true)
    await update({ delaySeconds: 2 }, { paused: true })
    expect(await paused()).toBeUndefined()
  })

  test('changes with its declaration, and is another queue under another name', async () => {
    const owner = newEngine()
    await declareQueue(owner, declaration('Create', 'orders', { delaySeconds: 7 }))
    expect(await declareQueue(owner, declaration('Update', 'orders', { delaySeconds: 8 }, 'orders'))).toBe('orders')
    expect((await getQueue(owner, 'orders')).settings.delaySeconds).toBe(8)
    expect(await declareQueue(owner, declaration('Update', 'bills', {}, 'orders'))).toBe('bills')
  })

  test('is deleted once, and deleting it again is fine', async () => {
    const owner = newEngine()
    await declareQueue(owner, declaration('Create', 'orders'))
    for (const _ of [1, 2])
      expect(await declareQueue(owner, declaration('Delete', 'orders', {}, 'orders'))).toBe('orders')
    await expect(getQueue(owner, 'orders')).rejects.toMatchObject({ code: 'QueueNotFound' })
  })

  test('leaves a queue alone that it failed to create', async () => {
    const owner = newEngine()
    await createQueue(owner, 'orders')
    await declareQueue(owner, declaration('Delete', 'orders', {}, 'queue-not-created'))
    expect((await getQueue(owner, 'orders')).name).toBe('orders')
  })
})

describe('a consumer, when the stack is deployed', () => {
  const trigger = (
    RequestType: TriggerDeclaration['RequestType'],
    { logicalId = 'Consumer', functionName = 'warehouse', id = undefined as string | undefined } = {},
  ): TriggerDeclaration => {
    const { ResourceProperties: _, OldResourceProperties: __, ...request } = declaration(RequestType, 'orders', {}, id)
    const settings = JSON.stringify({ functionTimeoutSeconds: 60 })
    return {
      ...request,
      LogicalResourceId: logicalId,
      ResourceType: 'Custom::HoldfastTrigger',
      ResourceProperties: { queue: 'orders', functionName, settings },
    }
  }
  const owner = async () => {
    const engine = newEngine()
    await createQueue(engine, 'orders')
    return engine
  }

  test('is declared, changed and removed with its resource', async () => {
    const engine = await owner()
    expect(await declareTrigger(engine, trigger('Create'))).toBe('orders')
    expect(await getTrigger(engine, 'orders')).toMatchObject({ functionName: 'warehouse', functionTimeoutSeconds: 60 })
    await declareTrigger(engine, trigger('Update', { functionName: 'newer', id: 'orders' }))
    expect(await getTrigger(engine, 'orders')).toMatchObject({ functionName: 'newer' })
    for (const _ of [1, 2]) expect(await declareTrigger(engine, trigger('Delete', { id: 'orders' }))).toBe('orders')
    await expect(getTrigger(engine, 'orders')).rejects.toThrow('has no trigger')
  })

  test('of another resource is not taken over, nor removed with one that failed to declare it', async () => {
    const engine = await owner()
    await declareTrigger(engine, trigger('Create'))
    const other = { logicalId: 'Renamed', functionName: 'other' }
    await expect(declareTrigger(engine, trigger('Create', other))).rejects.toThrow('that stack/Consumer declares')
    await declareTrigger(engine, trigger('Delete', { ...other, id: 'queue-not-created' }))
    await declareTrigger(engine, trigger('Delete', { ...other, id: 'orders' }))
    expect(await getTrigger(engine, 'orders')).toMatchObject({ functionName: 'warehouse' })
  })
})
