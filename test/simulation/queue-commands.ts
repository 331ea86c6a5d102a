import fc from 'fast-check'
import { expect } from 'vitest'
import type { Engine } from '../../lib/engine.ts'
import { cancelMessage } from '../../lib/messages/cancel-message.ts'
import { getMessage } from '../../lib/messages/get-message.ts'
import { rescheduleMessage } from '../../lib/messages/reschedule-message.ts'
import type { HandleResult, Message } from '../../lib/model/message.ts'
import { publish } from '../../lib/publish/publish.ts'
import { counts } from '../../lib/queues/counts.ts'
import { purgeQueue } from '../../lib/queues/purge-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { ack } from '../../lib/settle/ack.ts'
import { extend } from '../../lib/settle/extend.ts'
import { nack } from '../../lib/settle/nack.ts'
import {
  countsOf,
  isLeased,
  isSpent,
  isThere,
  type ModelDelivery,
  type ModelMessage,
  type QueueModel,
  receivable,
} from './queue-model.ts'

export interface Real {
  readonly queue: string
  readonly deadLetterQueue: string
  engine: Engine
  /** Moves the clock. */
  advance(ms: number): void
  /** Another process takes over: the engine's memory is lost. */
  restart(): Promise<void>
}
export type Command = fc.AsyncCommand<QueueModel, Real>

const RETENTION_SECONDS = 345_600

const command = (name: string, run: (model: QueueModel, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => name,
})

const codeOf = async (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'ok',
    (error: { code?: string }) => error.code ?? String(error),
  )
const codeIn = (result: HandleResult | undefined): string => (result?.ok ? 'ok' : String(result?.error.code))

const keyOf = ({ priority, dueAt }: { priority: number; dueAt: number }): string => `${priority} ${dueAt}`

let bodies = 0

interface Parcel {
  readonly delaySeconds: number
  readonly priority: number
  readonly timeToLiveSeconds: number | undefined
  readonly groupId: string | undefined
}

const publishing = (parcels: readonly Parcel[]) =>
  command(`publish(${JSON.stringify(parcels)})`, async (model, { engine, queue, advance }) => {
    const batch = parcels.map(({ delaySeconds, priority, timeToLiveSeconds, groupId }) => ({
      body: `body ${bodies++}`,
      delaySeconds,
      // Messages in groups have no priority.
      priority: groupId === undefined ? priority : 0,
      ...(timeToLiveSeconds !== undefined && { timeToLiveSeconds }),
      ...(groupId !== undefined && { groupId }),
    }))
    const results = await publish(engine, queue, batch)
    for (const [position, message] of batch.entries()) {
      const result = results[position]
      if (!result?.ok) throw new Error('a message was not published')
      const dueAt = model.now + message.delaySeconds * 1_000
      const keptMs = Math.min(message.timeToLiveSeconds ?? Number.POSITIVE_INFINITY, RETENTION_SECONDS) * 1_000
      model.messages.push({
        id: result.messageId,
        body: message.body,
        priority: message.priority,
        groupId: message.groupId,
        dueAt,
        visibleAt: dueAt,
        expiresAt: Math.min(Math.ceil((dueAt + keptMs) / 1_000) * 1_000, dueAt + RETENTION_SECONDS * 1_000),
        receiveCount: 0,
        firstReceivedAt: undefined,
        holder: undefined,
        backingOff: false,
        gone: false,
        purged: false,
      })
    }
    // Messages of one millisecond have no order.
    advance(1)
    model.now += 1
  })

const polling = (maxMessages: number, leaseSeconds: number) =>
  command(`poll(${maxMessages}, ${leaseSeconds} s)`, async (model, { engine, queue }) => {
    const wanted = receivable(model)
    const messages = await poll(engine, queue, { maxMessages, visibilityTimeoutSeconds: leaseSeconds })
    const most = Math.min(maxMessages, wanted.length)
    // With leases of 0 s a poll reads each group once, since a second time it would receive the same messages again.
    const least = leaseSeconds > 0 || wanted.every(({ groupId }) => groupId === undefined) ? most : Math.min(most, 1)
    expect(messages.length).toBeGreaterThanOrEqual(least)
    expect(messages.length).toBeLessThanOrEqual(most)
    // The poll receives the first messages of each group, and of those without a group, in the order of priority and due time.
    for (const groupId of new Set(wanted.map((message) => message.groupId))) {
      const ofGroup = messages.filter((message) => message.groupId === groupId)
      const first = wanted.filter((message) => message.groupId === groupId).slice(0, ofGroup.length)
      expect(ofGroup.map(keyOf)).toEqual(first.map(keyOf))
    }
    expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(messages.length)
    for (const message of messages) take(model, message, model.now + leaseSeconds * 1_000)
  })

const take = (model: QueueModel, received: Message, until: number): void => {
  const message = receivable(model).find(({ id }) => id === received.messageId)
  if (!message) throw new Error(`${received.messageId} can't be received now`)
  message.receiveCount++
  message.visibleAt = until
  message.backingOff = false
  message.firstReceivedAt ??= model.now
  message.holder = { message, receiptHandle: received.receiptHandle }
  model.deliveries.push(message.holder)
  expect(received).toMatchObject({
    body: message.body,
    receiveCount: message.receiveCount,
    firstReceivedAt: message.firstReceivedAt,
    leasedUntil: until,
    dueAt: message.dueAt,
    priority: message.priority,
  })
}

/** An earlier delivery whose message is not on its way to the dead-letter queue, if there is one. */
const delivered = (model: QueueModel, pick: number): ModelDelivery | undefined => {
  const known = model.deliveries.filter(({ message }) => !isSpent(model, message) && message.expiresAt > model.now)
  return known[pick % Math.max(1, known.length)]
}

const acking = (picks: readonly number[]) =>
  command(`ack(${picks})`, async (model, { engine, queue }) => {
    const chosen = picks.map((pick) => delivered(model, pick)).filter((delivery) => delivery !== undefined)
    if (chosen.length === 0) return
    const results = await ack(
      engine,
      queue,
      chosen.map(({ receiptHandle }) => receiptHandle),
    )
    // An outdated handle in one request with the valid one may find the message stored or gone.
    const acked = chosen.filter((delivery) => delivery.message.holder === delivery).map(({ message }) => message)
    for (const [position, delivery] of chosen.entries()) {
      const { message } = delivery
      const sure = message.gone || message.holder === delivery
      if (message.purged || (!sure && acked.includes(message))) continue
      expect(codeIn(results[position])).toBe(sure ? 'ok' : 'LeaseLost')
    }
    for (const message of acked) message.gone = true
  })

const extending = (pick: number, seconds: number) =>
  command(`extend(${pick}, ${seconds} s)`, async (model, { engine, queue }) => {
    const delivery = delivered(model, pick)
    if (!delivery) return
    const { message, receiptHandle } = delivery
    const [result] = await extend(engine, queue, [{ receiptHandle, visibilityTimeoutSeconds: seconds }])
    const live = message.holder === delivery && isLeased(model, message)
    if (message.purged) return
    // An extension to 0 s of a lease that ends at this instant changes nothing, and succeeds.
    const done = seconds === 0 && message.holder === delivery && !message.backingOff && message.visibleAt === model.now
    expect(codeIn(result)).toBe(message.gone ? 'MessageNotFound' : live || done ? 'ok' : 'LeaseLost')
    if (!message.gone && live) message.visibleAt = model.now + seconds * 1_000
  })

const nacking = (pick: number, delaySeconds: number) =>
  command(`nack(${pick}, ${delaySeconds} s)`, async (model, { engine, queue }) => {
    const delivery = delivered(model, pick)
    if (!delivery) return
    const { message, receiptHandle } = delivery
    const [result] = await nack(engine, queue, [{ receiptHandle, delaySeconds }])
    const held = message.holder === delivery
    if (message.purged) return
    expect(codeIn(result)).toBe(message.gone ? 'MessageNotFound' : held ? 'ok' : 'LeaseLost')
    if (message.gone || !held) return
    message.visibleAt = model.now + delaySeconds * 1_000
    message.backingOff = true
  })

const chosenMessage = (model: QueueModel, pick: number): ModelMessage | undefined => {
  const known = model.messages.filter((message) => !isSpent(model, message))
  return known[pick % Math.max(1, known.length)]
}

const cancelling = (pick: number) =>
  command(`cancel(${pick})`, async (model, { engine, queue }) => {
    const message = chosenMessage(model, pick)
    if (!message) return
    const there = isThere(model, message)
    const leased = isLeased(model, message)
    expect(await codeOf(cancelMessage(engine, queue, message.id))).toBe(
      there ? (leased ? 'OperationInProgress' : 'ok') : 'MessageNotFound',
    )
    if (there && !leased) message.gone = true
  })

const rescheduling = (pick: number, delaySeconds: number) =>
  command(`reschedule(${pick}, ${delaySeconds} s)`, async (model, { engine, queue }) => {
    const message = chosenMessage(model, pick)
    if (!message) return
    const there = isThere(model, message)
    const leased = isLeased(model, message)
    const code = await codeOf(rescheduleMessage(engine, queue, message.id, { delaySeconds }))
    // A message that was received before stays in its segment, and so can't outlive its expiry.
    const tooFar = message.receiveCount > 0 && model.now + delaySeconds * 1_000 >= message.expiresAt
    const possible = tooFar ? 'InvalidRequest' : 'ok'
    expect(code).toBe(there ? (leased ? 'OperationInProgress' : possible) : 'MessageNotFound')
    if (code !== 'ok') return
    const now = await getMessage(engine, queue, message.id)
    expect(now.visibleAt).toBe(model.now + delaySeconds * 1_000)
    expect(now.expiresAt).toBeGreaterThan(now.visibleAt)
    message.visibleAt = now.visibleAt
    message.expiresAt = now.expiresAt
    // The engine may keep the message at its place or move it.
    message.dueAt = now.dueAt
    message.holder = undefined
    message.backingOff = true
  })

const getting = (pick: number) =>
  command(`get(${pick})`, async (model, { engine, queue }) => {
    const message = chosenMessage(model, pick)
    if (!message) return
    if (!isThere(model, message)) {
      expect(await codeOf(getMessage(engine, queue, message.id))).toBe('MessageNotFound')
      return
    }
    const { body, receiveCount, visibleAt, priority } = message
    expect(await getMessage(engine, queue, message.id)).toMatchObject({
      ...{ body, receiveCount, visibleAt, priority },
      state: isLeased(model, message) ? 'leased' : visibleAt > model.now ? 'delayed' : 'ready',
    })
  })

const counting = () =>
  command('counts', async (model, { engine, queue, deadLetterQueue }) => {
    const here = await counts(engine, queue)
    const dead = await counts(engine, deadLetterQueue)
    expect(here.exact && dead.exact).toBe(true)
    const { ready, delayed, leased } = here
    // Exhausted messages are in either queue.
    expect({ ready: ready + dead.ready, delayed, leased }).toEqual(countsOf(model))
    expect(dead).toMatchObject({ delayed: 0, leased: 0 })
  })

const waiting = (ms: number) =>
  command(`wait(${ms} ms)`, async (model, { advance }) => {
    advance(ms)
    model.now += ms
  })

const purging = () =>
  command('purge', async (model, { engine, queue, advance }) => {
    await purgeQueue(engine, queue)
    for (const message of model.messages.filter((one) => isThere(model, one))) {
      // Messages that are in the dead-letter queue already are not purged.
      const code = await codeOf(getMessage(engine, queue, message.id))
      if (!isSpent(model, message)) expect(code).toBe('MessageNotFound')
      message.gone = code === 'MessageNotFound'
      message.purged = message.gone
    }
    // The engine counts a message of the purge's millisecond as published before the purge.
    advance(1)
    model.now += 1
  })

const restarting = () => command('restart', async (_, real) => real.restart())

const pick = fc.nat(30)
const seconds = fc.constantFrom(0, 1, 5, 30)

/** What a run of commands contains. */
export interface Variety {
  readonly maxCommands: number
  /** Messages with a time to live. */
  readonly expiring: boolean
  /** Messages with a group, beside others. */
  readonly grouped: boolean
}

export const anyCommands = ({ maxCommands, expiring, grouped }: Variety) =>
  fc.commands(
    [
      fc
        .array(
          fc.record({
            delaySeconds: fc.constantFrom(0, 0, 0, 2, 60),
            priority: fc.nat(1),
            timeToLiveSeconds: expiring ? fc.constantFrom(undefined, undefined, 3, 40) : fc.constant(undefined),
            groupId: grouped ? fc.constantFrom(undefined, 'a', 'b') : fc.constant(undefined),
          }),
          { minLength: 1, maxLength: 5 },
        )
        .map(publishing),
      fc.tuple(fc.integer({ min: 1, max: 10 }), seconds).map(([most, lease]) => polling(most, lease)),
      fc.tuple(fc.integer({ min: 1, max: 25 }), seconds).map(([most, lease]) => polling(most, lease)),
      fc.array(pick, { minLength: 1, maxLength: 6 }).map(acking),
      fc.tuple(pick, seconds).map(([which, span]) => extending(which, span)),
      fc.tuple(pick, seconds).map(([which, span]) => nacking(which, span)),
      pick.map(cancelling),
      fc.tuple(pick, seconds).map(([which, span]) => rescheduling(which, span)),
      pick.map(getting),
      fc.constantFrom(1, 999, 1_000, 5_000, 31_000, 61_000).map(waiting),
      fc.constant(null).map(counting),
      fc.constant(null).map(purging),
      fc.constant(null).map(restarting),
    ],
    { maxCommands, size: 'max' },
  )
