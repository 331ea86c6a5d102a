import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Engine } from '../../../lib/engine.ts'
import { browse } from '../../../lib/messages/browse.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { undoRedrive } from '../../../lib/redrive/undo.ts'
import { faultsOf, overflowOf, startRun, startWorld, type World } from './world.ts'

/** With HOLDFAST_SCREENSHOTS=1 the pictures of the docs are made anew. */
const PICTURES =
  process.env.HOLDFAST_SCREENSHOTS === '1' ? join(import.meta.dirname, '../../../docs/images') : undefined
const DESK = { width: 1_000, height: 680 }
const PHONE = { width: 375, height: 740 }

let world: World
beforeEach(async () => {
  world = await startWorld()
})

const firstOf = async (queue: string, state: 'leased' | 'ready'): Promise<string> => {
  const { messages } = await browse(world.engine, queue, { states: [state] })
  return messages[0]?.messageId ?? ''
}

/** Redrives all dead letters, of which consumers receive some. */
const redriven = async (engine: Engine): Promise<string> => {
  const { taskId } = await startRedrive(engine, 'orders-failed')
  await runRedrive(engine, 'orders-failed', taskId)
  await poll(engine, 'orders', { maxMessages: 9 })
  return taskId
}

const undone = async (engine: Engine): Promise<void> => {
  const { taskId } = await undoRedrive(engine, 'orders-failed', await redriven(engine))
  await runRedrive(engine, 'orders-failed', taskId)
}

const SCREENS: readonly (readonly [string, () => Promise<string>])[] = [
  ['queues', async () => ''],
  ['queue', async () => '/queues/orders'],
  ['groups', async () => '/queues/payments.fifo/groups'],
  ['message', async () => `/queues/orders/messages/${await firstOf('orders', 'leased')}`],
  ['message-edit', async () => `/queues/orders/messages/${await firstOf('orders', 'ready')}/edit`],
  ['message-cancel', async () => `/queues/orders/messages/${await firstOf('orders', 'ready')}/cancel`],
  ['dead', async () => '/queues/orders/dead'],
  ['settings', async () => '/queues/orders/settings'],
  ['send', async () => '/queues/orders/send'],
  ['purge', async () => '/queues/orders/purge'],
  ['delete', async () => '/queues/orders-failed/delete'],
  [
    'redrives',
    async () => {
      await startRedrive(world.engine, 'orders-failed', { maxPerSecond: 1 })
      return '/redrives'
    },
  ],
  [
    'redrives-over',
    async () => {
      await undone(world.engine)
      return '/redrives'
    },
  ],
  [
    'undo',
    async () => {
      const taskId = await redriven(world.engine)
      return `/queues/orders-failed/redrives/${taskId}/undo`
    },
  ],
  [
    'triggers',
    async () => {
      await startRun(world.engine)
      return '/triggers'
    },
  ],
  ['queue-with-trigger', async () => '/queues/letters'],
]

/** Screens that the docs show, and in which colors. */
const SHOWN: Readonly<Record<string, 'light' | 'dark'>> = {
  queues: 'light',
  queue: 'light',
  message: 'dark',
  dead: 'light',
  undo: 'light',
  triggers: 'light',
}

const picture = async (page: Page, name: string): Promise<void> => {
  if (!PICTURES) return
  mkdirSync(PICTURES, { recursive: true })
  await page.screenshot({ path: join(PICTURES, `console-${name}.png`) })
}

/** Screens with charts, which need a second look, a second later. */
const CHARTS = ['queues', 'queue']

describe.each(SCREENS)('the screen %s', (name, addressOf) => {
  test('is accessible in light and dark, and fits a phone', async () => {
    const page = await world.open(await addressOf(), { viewport: DESK, colorScheme: 'light' })
    if (CHARTS.includes(name)) {
      await page.waitForTimeout(1_100)
      await page.reload()
    }
    expect(await faultsOf(page)).toEqual([])
    expect(await overflowOf(page)).toBe(0)
    if (SHOWN[name] === 'light') await picture(page, name)
    await page.emulateMedia({ colorScheme: 'dark' })
    if (SHOWN[name] === 'dark') await picture(page, name)
    await page.setViewportSize(PHONE)
    expect(await faultsOf(page)).toEqual([])
    expect(await overflowOf(page)).toBe(0)
    if (name === 'queues') await picture(page, 'phone')
  })
})
