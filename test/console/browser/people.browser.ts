import type { Page } from 'playwright-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { browse } from '../../../lib/messages/browse.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import { listQueueNames } from '../../../lib/queues/list-queues.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { startRedrive } from '../../../lib/redrive/redrive.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { LONG_REASON, startConsole, startRun, startWorld, type World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})

const noticeOn = (page: Page) => page.locator('.notice').textContent()
const ready = async (queue: string) => (await browse(world.engine, queue, { states: ['ready'], limit: 100 })).messages

describe('people', () => {
  test('see trouble first, and follow it to the dead letters', async () => {
    const page = await world.open()
    expect(await page.locator('.row .go').first().textContent()).toBe('orders-failed')
    await page.getByRole('link', { name: 'It contains 5 dead letters of orders' }).click()
    expect(await page.locator('h1').textContent()).toBe('Dead letters of orders-failed')
    expect(await page.locator('section h2').allTextContents()).toEqual([
      expect.stringMatching(/^PaymentRefused: the card has expired 3 messages/),
      expect.stringMatching(/^TypeError: order.lines is not iterable 2 messages/),
    ])
  })

  test('select the dead letters of a reason, try, and send them back', async () => {
    const page = await world.open('/queues/orders/dead')
    await page.getByLabel('All 2 messages of this reason').check()
    expect(await page.locator('input[name=id]:checked').count()).toBe(2)
    await page.getByLabel('At most, messages a second').fill('100')
    await page.getByRole('button', { name: 'Try with the selected' }).click()
    expect(await page.locator('h1').textContent()).toBe('Send back 2 messages?')
    await page.getByRole('button', { name: 'Send back 2 messages' }).click()
    expect(await noticeOn(page)).toBe('The redrive has started.')
    await page.getByRole('cell', { name: 'completed' }).waitFor()
    await page.goto(`${world.url}/queues/orders/dead`)
    expect(await page.locator('section h2').count()).toBe(1)
  })

  test('find dead letters with a stack trace under its first words, read all of it, and send them back', async () => {
    const [message] = await poll(world.engine, 'orders')
    const { receiptHandle = '' } = message ?? {}
    await nack(world.engine, 'orders', [{ receiptHandle, deadLetter: true, error: LONG_REASON }])
    const page = await world.open('/queues/orders/dead')
    const group = page.locator('section').filter({ hasText: 'the payment service' })
    expect(await group.locator('h2').textContent()).toMatch(/^Error: the answer .{100,110}… 1 message, the oldest for/)
    expect(await group.locator('pre').isVisible()).toBe(false)
    await group.getByText('The whole reason').click()
    expect(await group.locator('pre').textContent()).toBe(LONG_REASON)
    await group.getByLabel('All 1 message of this reason').check()
    await page.getByRole('button', { name: 'Try with the selected' }).click()
    expect(await page.locator('h1').textContent()).toBe('Send back 1 message?')
  })

  test('edit a dead letter and send it', async () => {
    const page = await world.open('/queues/orders/dead')
    await page.locator('.row .go').first().click()
    await page.getByRole('link', { name: 'Edit and send' }).click()
    await page.getByLabel('Body', { exact: true }).fill('{"order": 77}')
    await page.getByLabel('Cancel the present message').check()
    await page.getByRole('button', { name: 'Send the edited message' }).click()
    expect(await noticeOn(page)).toBe('The edited message is sent, and the earlier message is cancelled.')
    expect((await ready('orders')).map(({ body }) => body)).toContainEqual({ order: 77 })
    expect((await browse(world.engine, 'orders-failed')).messages).toHaveLength(4)
  })

  test('send one dead letter back, reschedule it, and cancel it', async () => {
    const page = await world.open('/queues/orders/dead')
    await page.locator('.row .go').first().click()
    await page.getByRole('button', { name: 'Send back to orders' }).click()
    expect(await noticeOn(page)).toBe('The message is back in orders.')
    await page.getByLabel('Due in seconds').fill('3600')
    await page.getByRole('button', { name: 'Reschedule' }).click()
    expect(await page.locator('.course li').first().textContent()).toMatch(/^Delayed: visible in (1 h|59 min)/)
    await page.getByRole('link', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Delete 1 message' }).click()
    expect(await noticeOn(page)).toMatch(/ is cancelled\.$/)
  })

  test('change a setting', async () => {
    const page = await world.open('/queues/orders/settings')
    await page.getByLabel('Lease of a receive, seconds').fill('45')
    await page.getByRole('button', { name: 'Change the settings' }).click()
    expect(await noticeOn(page)).toContain('visibilityTimeoutSeconds from 120 to 45')
    expect((await getQueue(world.engine, 'orders')).settings.visibilityTimeoutSeconds).toBe(45)
  })

  test('pause a queue and resume it', async () => {
    const page = await world.open('/queues/orders')
    await page.getByRole('button', { name: 'Pause' }).click()
    expect(await page.locator('.troubles').textContent()).toContain('paused')
    expect((await getQueue(world.engine, 'orders')).settings.paused).toBe(true)
    await page.getByRole('button', { name: 'Resume' }).click()
    expect(await noticeOn(page)).toBe('The queue is resumed: consumers receive again.')
    expect((await getQueue(world.engine, 'orders')).settings.paused).toBeUndefined()
  })

  test('stop a redrive', async () => {
    await startRedrive(world.engine, 'orders-failed', { maxPerSecond: 1 })
    const page = await world.open('/redrives')
    await page.getByRole('button', { name: /^Stop; 0 messages will stay moved/ }).click()
    expect(await noticeOn(page)).toBe('The redrive stops. 0 messages moved so far.')
    expect((await browse(world.engine, 'orders-failed')).messages).toHaveLength(5)
  })

  test('undo a redrive with the keyboard, after they have read what it moves', async () => {
    const page = await world.open('/queues/orders/dead')
    await page.getByLabel('All 3 messages of this reason').check()
    await page.getByRole('button', { name: 'Try with the selected' }).click()
    await page.getByRole('button', { name: 'Send back 3 messages' }).click()
    await page.getByRole('cell', { name: 'completed' }).waitFor()
    await page.getByRole('link', { name: 'Undo the redrive of orders-failed' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Undo the redrive of orders-failed?' }).waitFor()
    expect(await page.locator('main li').first().textContent()).toContain(
      '3 messages will go back to orders-failed from orders',
    )
    await page.getByRole('button', { name: 'Move back 3 messages' }).focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(/redrives\?/)
    expect(await noticeOn(page)).toBe('The undo has started.')
    await page.getByRole('row', { name: /undo, back to orders-failed.*completed/ }).waitFor()
    expect((await browse(world.engine, 'orders-failed')).messages).toHaveLength(5)
    await page.goto(`${world.url}/queues/orders/dead`)
    expect(await page.locator('section h2').allTextContents()).toEqual([
      expect.stringMatching(/^PaymentRefused: the card has expired 3 messages/),
      expect.stringMatching(/^TypeError: order.lines is not iterable 2 messages/),
    ])
  })

  test('see the triggers, the one that runs first, and follow one to its queue', async () => {
    await startRun(world.engine)
    const page = await world.open()
    await page.getByRole('link', { name: 'Triggers' }).click()
    expect(await page.locator('.row .go').allTextContents()).toEqual(['letters', 'invoices'])
    expect(await page.locator('.row').first().textContent()).toContain('running')
    await page.locator('.row .go').first().click()
    expect(await page.locator('dl.facts').first().textContent()).toContain('./letters.mjs')
  })

  test('see each lease of a message', async () => {
    const [message] = (await browse(world.engine, 'orders', { states: ['leased'] })).messages
    const page = await world.open(`/queues/orders/messages/${message?.messageId}`)
    expect(await page.locator('.course li').nth(1).textContent()).toMatch(/^Lease 1: from .* in orders for .* so far$/)
  })

  test('create a queue, send to it, purge it and delete it', async () => {
    const page = await world.open()
    await page.getByText('New queue').click()
    await page.getByLabel('Name', { exact: true }).fill('shipments')
    await page.getByRole('button', { name: 'Create the queue' }).click()
    await page.getByRole('link', { name: 'Send a message' }).click()
    await page.getByLabel('Body').fill('hello')
    await page.getByRole('button', { name: 'Send' }).click()
    expect(await page.locator('pre').textContent()).toBe('hello')
    await page.goto(`${world.url}/queues/shipments`)
    await page.getByRole('link', { name: 'Purge' }).click()
    await page.getByRole('button', { name: 'Delete 1 message' }).click()
    expect(await ready('shipments')).toEqual([])
    await page.getByRole('link', { name: 'Delete' }).click()
    await page.getByRole('button', { name: /Delete the queue/ }).click()
    expect((await listQueueNames(world.engine, {})).names).not.toContain('shipments')
  })

  test('do all of it without scripts', async () => {
    const page = await world.open('/queues/orders/dead', { javaScriptEnabled: false })
    await page.getByLabel('All 2 messages of this reason').check()
    await page.getByRole('button', { name: 'Try with the selected' }).click()
    expect(await page.locator('h1').textContent()).toBe('Send back 2 messages?')
  })
})

describe('a console that only looks', () => {
  test('has no form, and says so', async () => {
    const page = await (await startConsole(world.engine, { readOnly: true }))('/queues/orders')
    expect(await page.locator('.badge').textContent()).toBe('read-only')
    expect(await page.locator('form[method=post]').count()).toBe(0)
    expect(await page.getByRole('link', { name: 'Purge' }).count()).toBe(0)
    await page.locator('.row .go').first().click()
    expect(await page.locator('form[method=post]').count()).toBe(0)
    expect(await page.locator('.course').isVisible()).toBe(true)
  })

  test('shows no body where payloads are hidden', async () => {
    const page = await (await startConsole(world.engine, { hidePayloads: true }))('/queues/orders')
    expect(await page.locator('main').textContent()).not.toContain('A-113')
    await page.locator('.row .go').first().click()
    expect(await page.locator('main').textContent()).toContain('Payloads are hidden')
    expect(await page.locator('pre').count()).toBe(0)
  })
})

describe('the keyboard', () => {
  test('goes through rows, opens one, goes up, searches, and explains itself', async () => {
    const page = await world.open()
    const focused = () => page.evaluate('document.activeElement.textContent')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('k')
    expect(await focused()).toBe('orders-failed')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'orders-failed', exact: true }).waitFor()
    await page.keyboard.press('u')
    await page.getByRole('heading', { name: 'Queues' }).waitFor()
    await page.keyboard.press('?')
    expect(await page.locator('dialog').isVisible()).toBe(true)
    await page.keyboard.press('Escape')
    await page.keyboard.press('/')
    await page.keyboard.type('pay')
    await page.keyboard.press('Enter')
    await page.waitForURL(/prefix=pay/)
    expect(await page.locator('.row .go').allTextContents()).toEqual(['payments.fifo'])
  })

  test('selects dead letters', async () => {
    const page = await world.open('/queues/orders/dead')
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    expect(await page.locator('input[name=id]:checked').count()).toBe(1)
  })
})

describe('a page that stays open', () => {
  test('shows what happens without a reload, and keeps the focus', async () => {
    const page = await world.open('/queues/invoices')
    await page.getByRole('link', { name: 'Settings' }).focus()
    await publish(world.engine, 'invoices', [{ body: 'new invoice' }])
    await page.getByText('new invoice').waitFor()
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Settings')
  })

  test('does not take away what somebody selected', async () => {
    const page = await world.open('/queues/orders/dead')
    await page.locator('input[name=id]').first().check()
    const answered = page.waitForResponse(/dead$/)
    await page.locator('h1').click()
    await answered
    expect(await page.locator('input[name=id]:checked').count()).toBe(1)
  })

  test('asks for nothing while its tab is hidden, and at once when it is shown', async () => {
    const page = await world.open('/queues/invoices')
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    const show = (hidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} }); document.dispatchEvent(new Event('visibilitychange'))`,
      )
    await show(true)
    await page.waitForTimeout(4_500)
    expect(asked).toEqual([])
    const answered = page.waitForResponse(/invoices$/)
    await show(false)
    await answered
  })

  test('says that the server is gone, and goes on when it is back', async () => {
    const page = await world.open('/queues/invoices', {}, /status of 503/)
    await page.route('**/invoices', (route) => route.fulfill({ status: 503, body: 'gone' }))
    await page.getByText('Not live').waitFor()
    await page.unroute('**/invoices')
    await page.keyboard.press('r')
    await expect.poll(() => page.locator('#live').textContent()).toBe('')
  })
})
