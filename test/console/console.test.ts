import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { inProcessTarget } from '../../cli/target/in-process-target.ts'
import type { CallApi } from '../../console/api.ts'
import { silentLog } from '../../functions/runtime/log.ts'
import { continueRedrives } from '../../functions/runtime/redrives.ts'
import { browse } from '../../lib/messages/browse.ts'
import { HoldfastError } from '../../lib/model/errors.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { getQueue } from '../../lib/queues/get-queue.ts'
import { listQueueNames } from '../../lib/queues/list-queues.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { ack } from '../../lib/settle/ack.ts'
import { nack } from '../../lib/settle/nack.ts'
import { triggerKey } from '../../lib/store/keys.ts'
import type { Store } from '../../lib/store/port.ts'
import { dispatch } from '../../lib/triggers/run.ts'
import { setTrigger } from '../../lib/triggers/trigger.ts'
import { settled } from '../support/manual-clock.ts'
import { type TestEngine, testEngine } from '../support/test-engine.ts'
import { type TestConsole, testConsole } from './test-console.ts'

let engine: TestEngine
let view: TestConsole

beforeEach(async () => {
  engine = testEngine()
  view = testConsole(engine)
  await createQueue(engine, 'orders-failed')
  await createQueue(engine, 'orders', {
    settings: { deadLetter: { queue: 'orders-failed', maxReceives: 1 }, visibilityTimeoutSeconds: 30 },
  })
})

const send = async (body: string, more: object = {}): Promise<string> => {
  const [message] = await publish(engine, 'orders', [{ body, ...more }])
  return message?.ok ? message.messageId : ''
}

/** A message of `orders` that failed. */
const fail = async (body: string): Promise<string> => {
  const id = await send(body)
  await poll(engine, 'orders')
  await engine.clock.advance(31_000)
  await poll(engine, 'orders')
  return id
}

const text = (html: string): string =>
  html
    .slice(html.indexOf('<main'), html.indexOf('</main>'))
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')

describe('the queues', () => {
  test('stand in the order of their trouble, with its reason', async () => {
    await createQueue(engine, 'busy')
    await fail('{"order":1}')
    await publish(engine, 'busy', [{ body: 'x' }, { body: 'y' }])
    const { html, status } = await view.see()
    expect(status).toBe(200)
    const order = [...html.matchAll(/class="go" href="\/console\/queues\/([^"]+)"/g)].map(([, name]) => name)
    expect(order).toEqual(['orders-failed', 'orders', 'busy'])
    expect(text(html)).toContain('It contains 1 dead letter of orders')
    expect(text(html)).toContain('moves to orders-failed after 1 receive')
  })

  test('say that nobody receives, once a message waits for a minute', async () => {
    await send('x')
    expect(text((await view.see()).html)).not.toContain('no message is in flight')
    await engine.clock.advance(61_000)
    expect(text((await view.see()).html)).toContain('1 message waits, and no message is in flight')
  })

  test('are found by the beginning of their name', async () => {
    const { html } = await view.see('?prefix=orders-')
    expect([...html.matchAll(/class="go"/g)]).toHaveLength(1)
    expect((await view.see('?prefix=none')).html).toContain('No queue has a name that begins with')
  })

  test('have a sparkline from the second count on', async () => {
    expect((await view.see()).html).not.toContain('class="spark"')
    await engine.clock.advance(5_000)
    expect((await view.see()).html).toContain('class="spark"')
  })
})

describe('a queue', () => {
  test('shows its numbers and its messages by state', async () => {
    await send('now')
    await send('later', { delaySeconds: 60 })
    const all = text((await view.see('/queues/orders')).html)
    expect(all).toContain('Ready 1 Leased 0 Delayed 1')
    expect(all).toContain('now')
    expect(all).toContain('later')
    const delayed = text((await view.see('/queues/orders?state=delayed')).html)
    expect(delayed).toContain('later')
    expect(delayed).not.toContain(' now ')
  })

  test('shows its groups, the largest first', async () => {
    for (const groupId of ['a', 'b', 'b']) await send('x', { groupId })
    const { html } = await view.see('/queues/orders/groups')
    expect(text(html)).toMatch(/All 3 messages of the queue.* b 2 0 .* a 1 0 /)
  })

  test('is paused and resumed', async () => {
    expect(text((await view.send('/queues/orders/pause', { paused: 'yes' })).html)).toContain('It is paused')
    expect((await getQueue(engine, 'orders')).settings.paused).toBe(true)
    const { html } = await view.send('/queues/orders/pause', { paused: 'no' })
    expect(text(html)).toContain('The queue is resumed: consumers receive again.')
    expect((await getQueue(engine, 'orders')).settings.paused).toBeUndefined()
  })

  test('that is missing is said to be', async () => {
    const { status, html } = await view.see('/queues/none')
    expect([status, text(html)]).toEqual([404, expect.stringContaining('queue &quot;none&quot; does not exist')])
  })

  test('is created, purged and deleted by forms, the last two after a question with their effect', async () => {
    await view.send('/queues', { queue: 'new.fifo' })
    expect((await listQueueNames(engine, {})).names).toContain('new.fifo')
    await send('a')
    await send('b')
    expect(text((await view.see('/queues/orders/purge')).html)).toContain('deletes 2 messages : 2 ready')
    expect(text((await view.send('/queues/orders/purge')).html)).toContain('The queue orders is purged.')
    await engine.clock.advance(6_000)
    expect((await browse(engine, 'orders')).messages).toEqual([])
    expect(text((await view.see('/queues/orders-failed/delete')).html)).toContain('the dead-letter queue of orders')
    await view.send('/queues/orders/delete')
    expect((await listQueueNames(engine, {})).names).toEqual(['new.fifo', 'orders-failed'])
  })
})

describe('a message', () => {
  test('shows its course, its lease and its body', async () => {
    const id = await send('{"order":1}')
    await engine.clock.advance(5_000)
    await poll(engine, 'orders')
    await engine.clock.advance(10_000)
    const { html } = await view.see(`/queues/orders/messages/${id}`)
    expect(text(html)).toContain('Leased for another 20 s')
    expect(text(html)).toContain('First received 10 s ago, 5 s after its publish')
    expect(html).toContain('{\n  &quot;order&quot;: 1\n}')
    expect(text(html)).toContain("can't be rescheduled")
  })

  test.each([
    ['gzip in base64', { body: gzipSync('packed text').toString('base64') }, 'packed text'],
    ['bytes of UTF-8', { body: Buffer.from('plain bytes') }, 'plain bytes'],
    ['other bytes', { body: Buffer.from([0xff, 0x00, 0x41]) }, 'ff 00 41'],
  ])('is decoded: %s', async (_, message, expected) => {
    const [sent] = await publish(engine, 'orders', [message])
    expect((await view.see(`/queues/orders/messages/${sent?.ok && sent.messageId}`)).html).toContain(expected)
  })

  test('is rescheduled', async () => {
    const id = await send('x')
    const { html } = await view.send(`/queues/orders/messages/${id}/reschedule`, { delaySeconds: '90' })
    expect(text(html)).toContain('Delayed: visible in 1 min 30 s')
  })

  test('is cancelled after a question', async () => {
    const id = await send('xyz')
    expect(text((await view.see(`/queues/orders/messages/${id}/cancel`)).html)).toContain('1 message of 3 B')
    await view.send(`/queues/orders/messages/${id}/cancel`)
    expect((await browse(engine, 'orders')).messages).toEqual([])
  })

  test('is edited and sent, and cancelled once the new one is stored', async () => {
    const id = await send('{"order":1}', { attributes: { tenant: { dataType: 'String', value: 'a' } } })
    const { html } = await view.see(`/queues/orders/messages/${id}/edit`)
    expect(html).toContain('{&quot;order&quot;:1}')
    const done = await view.send(`/queues/orders/messages/${id}/edit`, {
      to: 'orders',
      kind: 'text',
      body: '{"order":2}',
      attributes: '{"tenant":"b"}',
      cancel: 'yes',
    })
    expect(text(done.html)).toContain('the earlier message is cancelled')
    const { messages } = await browse(engine, 'orders')
    expect(messages).toMatchObject([
      { body: '{"order":2}', attributes: { tenant: { dataType: 'String', value: 'b' } } },
    ])
    expect(messages[0]?.messageId).not.toBe(id)
  })

  test('is not sent with attributes that are no JSON object', async () => {
    const id = await send('x')
    const { status } = await view.send(`/queues/orders/messages/${id}/edit`, {
      kind: 'text',
      body: 'y',
      attributes: '[',
    })
    expect(status).toBe(400)
    expect((await browse(engine, 'orders')).messages).toHaveLength(1)
  })

  test('that is dead is sent back under its id', async () => {
    const id = await fail('x')
    const { html } = await view.see(`/queues/orders-failed/messages/${id}`)
    expect(text(html)).toContain('Send back to orders')
    await view.send(`/queues/orders/messages/${id}/resend`)
    expect((await browse(engine, 'orders')).messages).toMatchObject([{ messageId: id, receiveCount: 0 }])
  })
})

describe('dead letters', () => {
  const ids = (html: string) => [...html.matchAll(/name="id" value="([^"]+)"/g)].map(([, id]) => id)
  const finish = () => continueRedrives(engine, { signal: new AbortController().signal, log: silentLog })

  test('are grouped by their reason, and tried before they are sent back', async () => {
    const first = await fail('{"order":1}')
    const second = await fail('{"order":2}')
    const { html } = await view.see('/queues/orders/dead')
    expect(text(html)).toContain('All 2 dead letters in orders-failed that failed in orders')
    expect(ids(html).sort()).toEqual([first, second].sort())
    const tried = await view.send('/queues/orders-failed/dead/try', { which: 'selected', id: first, maxPerSecond: '2' })
    expect(text(tried.html)).toContain('Send back 1 message?')
    expect(text(tried.html)).toContain('1 message to orders')
    expect(text(tried.html)).toContain('At 2 a second this takes about 1 s')
    expect(ids(tried.html)).toEqual([first])
    expect((await browse(engine, 'orders')).messages).toEqual([])
    await view.send('/queues/orders-failed/redrive', { which: 'selected', id: first, maxPerSecond: '2' })
    const running = finish()
    await engine.clock.advance(10_000)
    await running
    expect((await browse(engine, 'orders')).messages).toMatchObject([{ messageId: first }])
    expect(text((await view.see('/redrives')).html)).toContain('orders-failed the original queues completed 1')
  })

  test('of one reason, of all, or whose body has a text, are chosen', async () => {
    await fail('red')
    await fail('blue')
    const reason = /name="reason" value="([^"]+)"/.exec((await view.see('/queues/orders/dead')).html)?.[1] ?? ''
    const tried = async (fields: Readonly<Record<string, string>>) =>
      /<h1>([^<]+)</.exec((await view.send('/queues/orders-failed/dead/try', fields)).html)?.[1]
    expect(await tried({ which: 'selected', reason })).toBe('Send back 2 messages?')
    expect(await tried({ which: 'all' })).toBe('Send back 2 messages?')
    expect(await tried({ which: 'all', bodyContains: 'blu' })).toBe('Send back 1 message?')
    expect(await tried({ which: 'selected' })).toBe('Nothing to send back')
  })

  test('of a reason with several lines are chosen by it, as browsers send it, and listed under its first line', async () => {
    await send('red')
    const [message] = await poll(engine, 'orders')
    const error = 'TypeError: no lines\n  at charge\r\n  at run'
    await nack(engine, 'orders', [{ receiptHandle: message?.receiptHandle ?? '', deadLetter: true, error }])
    const { html } = await view.see('/queues/orders/dead')
    expect(text(html)).toContain('TypeError: no lines… 1 message')
    expect(html).toContain(`<pre>${error}</pre>`)
    const page = (await view.see(`/queues/orders-failed/messages/${message?.messageId}`)).html
    expect(text(page)).toMatch(/Dead-lettered 0 s ago out of orders after 1 receive: TypeError: no lines… /)
    expect(page).toContain(`<span class="lines">${error}</span>`)
    const fields = { which: 'selected', reason: 'TypeError: no lines\r\n  at charge\r\n  at run' }
    expect(text((await view.send('/queues/orders-failed/dead/try', fields)).html)).toContain('Send back 1 message?')
  })

  test('whose queue does not exist stay, and are said to', async () => {
    await fail('x')
    const { html } = await view.send('/queues/orders-failed/dead/try', { which: 'all', destination: 'nowhere' })
    expect(text(html)).toContain('1 message will stay: the queue nowhere does not exist')
    expect(html).not.toContain('action="/console/queues/orders-failed/redrive"')
  })

  test('come back by an undo, which says what it does in numbers first', async () => {
    for (const body of ['a', 'b', 'c', 'd']) await fail(body)
    await view.send('/queues/orders-failed/redrive', { which: 'all' })
    await finish()
    const [acked] = await poll(engine, 'orders', { maxMessages: 1 })
    await ack(engine, 'orders', [acked?.receiptHandle ?? ''])
    await poll(engine, 'orders', { maxMessages: 1 })
    const link = /href="\/console(\/queues\/orders-failed\/redrives\/[^/"]+\/undo)"/.exec(
      (await view.see('/redrives')).html,
    )
    const path = link?.[1] ?? ''
    const { html } = await view.see(path)
    expect(text(html)).toContain('Undo the redrive of orders-failed?')
    expect(text(html)).toContain('2 messages will go back to orders-failed from orders')
    expect(text(html)).toContain('1 message will stay where it is: a consumer received it after the redrive.')
    expect(text(html)).toContain('1 message is gone: acked, deleted, rescheduled, expired or moved elsewhere.')
    expect(text(html)).toContain('Move back 2 messages')
    expect((await browse(engine, 'orders-failed')).messages).toEqual([])
    const started = await view.send(path, { maxPerSecond: '' })
    expect(text(started.html)).toContain('The undo has started.')
    expect(text(started.html)).toContain('Stop; 0 messages will stay in the dead-letter queue')
    await finish()
    expect((await browse(engine, 'orders-failed')).messages).toHaveLength(2)
    const redrives = text((await view.see('/redrives')).html)
    expect(redrives).toContain('undo, back to orders-failed completed: 1 received and stayed, 1 gone 2')
    expect(redrives).toContain('Undo again')
    expect(text((await view.see(path)).html)).toContain('Nothing can go back.')
    const readOnly = testConsole(engine, { readOnly: true })
    expect((await readOnly.see('/redrives')).html).not.toContain('/undo"')
    expect((await readOnly.see(path)).html).not.toContain('<form method="post"')
    expect((await readOnly.send(path, {})).status).toBe(403)
  })

  test('can be taken back where the count ended before it came to any', async () => {
    const counted = { taskId: 'x', returning: 0, received: 4, behind: 0, complete: false, queues: ['orders'] }
    const busy = testConsole(engine, { call: async () => counted as never })
    const { html } = await busy.see('/queues/orders-failed/redrives/x/undo')
    expect(text(html)).toContain('at least 0 messages will go back')
    expect(text(html)).toContain('Move back what can go back')
    expect(text(html)).not.toContain('Nothing can go back')
  })

  test('stop being sent back when the redrive is stopped', async () => {
    await fail('x')
    await view.send('/queues/orders-failed/redrive', { which: 'all' })
    const task = /redrives\/([^/"]+)\/cancel/.exec((await view.see('/redrives')).html)?.[1]
    const { html } = await view.send(`/queues/orders-failed/redrives/${task}/cancel`)
    expect(text(html)).toContain('The redrive stops. 0 messages moved so far.')
    await finish()
    expect((await browse(engine, 'orders')).messages).toEqual([])
  })
})

describe('triggers', () => {
  const given = {
    queue: 'orders',
    functionName: 'handler.mjs',
    functionTimeoutSeconds: 30,
    batchSize: 5,
    maxConcurrency: 4,
  }
  const filter = { body: { country: ['DE'] } }

  test('are listed with what their runs do, those under way first', async () => {
    await createQueue(engine, 'calm')
    await setTrigger(engine, { ...given, filter, unmatched: 'delete' })
    await setTrigger(engine, { ...given, queue: 'calm' })
    await send('x')
    const run = dispatch(engine, {
      queue: 'orders',
      invoker: { fitting: async () => 1, records: async () => [], invoke: () => new Promise(() => {}) },
      endsAt: engine.clock.now() + 900_000,
      startRun: async () => {},
    })
    await settled()
    const { html } = await view.see('/triggers')
    const shown = text(html)
    expect(shown).toMatch(
      /Under way .* orders running handler\.mjs 5 \d of 4 under way {&quot;body&quot;:{&quot;country&quot;:\[&quot;DE&quot;\]}} other messages are/,
    )
    expect(shown).toMatch(/Others .* calm waits for messages handler\.mjs 5 0 of 4 –; next: now/)
    void run
  })

  test('are on the page of their queue', async () => {
    expect((await view.see('/queues/orders')).html).not.toContain('id="trigger"')
    await setTrigger(engine, given, { declaredBy: 'stack/Shop' })
    const shown = text((await view.see('/queues/orders')).html)
    expect(shown).toContain('handler.mjs , timeout 30 s')
    expect(shown).toContain('at most 5 messages, sent at once')
    expect(shown).toContain('by stack/Shop')
    await view.send('/queues/orders/pause', { paused: 'yes' })
    expect(text((await view.see('/queues/orders')).html)).toContain('State the queue is paused')
  })

  test('that may not be read leave the rest of the page as it is', async () => {
    await send('x')
    const listDocuments: Store['listDocuments'] = async (query) => {
      if (query.partition === triggerKey('orders').partition) throw new HoldfastError('AccessDenied', 'no right', {})
      return engine.store.listDocuments(query)
    }
    const other = testEngine({ clock: engine.clock, store: { ...engine.store, listDocuments } })
    const shown = text((await testConsole(other).see('/queues/orders')).html)
    expect(shown).toMatch(/Ready 1 .*The console can't read the queue's trigger/)
  })
})

describe('an action that failed', () => {
  const failing = async (code: 'StoreUnavailable' | 'Throttled'): Promise<string> => {
    const call: CallApi = async (operation) => {
      if (operation !== 'publishMessages') return { queues: [] }
      throw new HoldfastError(code, 'the reason', {})
    }
    return text((await testConsole(engine, { call }).send('/queues/orders/send', { body: 'x' })).html)
  }

  test('is not said to have changed nothing where only its answer may be lost, nor to be repeated by a reload', async () => {
    const unknown = await failing('StoreUnavailable')
    expect(unknown).toContain('It is not known whether anything was changed. Look at the queue before you repeat')
    expect(unknown).not.toMatch(/Nothing was changed|Reload/)
    const throttled = await failing('Throttled')
    expect(throttled).toContain('Nothing was changed. Go back, and try again in a moment.')
    expect(throttled).not.toContain('Reload')
  })
})

describe("a failure of the reader's own credentials", () => {
  /** The console as `holdfast console --table` runs it, on a store whose documents of this partition fail. */
  const consoleFailing = (code: 'AccessDenied' | 'Internal' | 'Throttled', partition?: string) => {
    const failing =
      <Q extends { readonly partition: string }, T, R extends unknown[]>(read: (query: Q, ...rest: R) => Promise<T>) =>
      async (query: Q, ...rest: R): Promise<T> => {
        if (partition === undefined || query.partition === partition) throw new HoldfastError(code, 'the reason', {})
        return read(query, ...rest)
      }
    const { store } = engine
    const other = { ...store, listDocuments: failing(store.listDocuments), getDocument: failing(store.getDocument) }
    const target = inProcessTarget({
      engine: testEngine({ clock: engine.clock, store: other }),
      name: '',
      options: '',
    })
    return testConsole(engine, { call: (operation, parts) => target.call(operation, parts as object) })
  }

  test('shows the reason, and what to do', async () => {
    const denied = await consoleFailing('AccessDenied').see('/queues/orders')
    expect([denied.status, text(denied.html)]).toEqual([
      403,
      expect.stringContaining('the reason. &quot;holdfast doctor&quot; shows which rights your role lacks.'),
    ])
    const gone = await consoleFailing('Internal').see()
    expect(text(gone.html)).toContain('the reason. &quot;holdfast doctor&quot; shows what is wrong with the table.')
    expect(text((await consoleFailing('Throttled').see()).html)).toContain('Reload the page in a moment.')
  })

  test('leaves the rest of the page as it is where only triggers may not be read', async () => {
    await send('x')
    const shown = text(
      (await consoleFailing('AccessDenied', triggerKey('orders').partition).see('/queues/orders')).html,
    )
    expect(shown).toMatch(/Ready 1 .*The console can't read the queue's trigger: the reason/)
  })
})

describe('settings', () => {
  /** The fields of the form as the browser sends them, with these changes. */
  const form = async (changes: Readonly<Record<string, string>>) => {
    const { html } = await view.see('/queues/orders/settings')
    const was = [...html.matchAll(/name="was\.([^"]+)" value="([^"]*)"/g)]
    const fields = was.flatMap(([, name = '', value = '']) => [
      [name, value],
      [`was.${name}`, value],
    ])
    return { ...Object.fromEntries(fields), ...changes }
  }

  test('are changed, and those that are not touched stay', async () => {
    const stale = await form({ visibilityTimeoutSeconds: '60' })
    await updateQueue(engine, 'orders', () => ({ settings: { delaySeconds: 5 } }))
    const { html } = await view.send('/queues/orders/settings', stale)
    expect(text(html)).toContain('Changed visibilityTimeoutSeconds from 30 to 60.')
    const { settings } = await getQueue(engine, 'orders')
    expect(settings).toMatchObject({
      visibilityTimeoutSeconds: 60,
      delaySeconds: 5,
      deadLetter: { queue: 'orders-failed', maxReceives: 1 },
    })
  })

  test('that are optional are added and removed', async () => {
    await view.send(
      '/queues/orders/settings',
      await form({ 'deadLetter.queue': '', 'retryPolicy.initialSeconds': '2' }),
    )
    const { settings } = await getQueue(engine, 'orders')
    expect(settings.deadLetter).toBeUndefined()
    expect(settings.retryPolicy).toEqual({ initialSeconds: 2, factor: 2, maximumSeconds: 3600, jitter: 'full' })
  })

  test('that are wrong are refused with the reason', async () => {
    const { status, html } = await view.send('/queues/orders/settings', await form({ retentionSeconds: '1' }))
    expect([status, text(html)]).toEqual([400, expect.stringContaining('retentionSeconds')])
    expect((await getQueue(engine, 'orders')).settings.retentionSeconds).toBe(345_600)
  })
})

describe('who may do what', () => {
  test('a form without the token of a page changes nothing', async () => {
    await send('x')
    for (const form of ['', 'token=', 'token=x']) {
      expect((await view.sendRaw('/queues/orders/purge', form)).status).toBe(403)
    }
    expect((await browse(engine, 'orders')).messages).toHaveLength(1)
  })

  test('a read-only console has no forms and does nothing', async () => {
    const looking = testConsole(engine, { readOnly: true })
    const id = await send('x')
    for (const address of ['', '/queues/orders', `/queues/orders/messages/${id}`, '/queues/orders/purge']) {
      expect((await looking.see(address)).html).not.toContain('method="post"')
    }
    const token = /name="token" value="([^"]+)"/.exec((await view.see()).html)?.[1] ?? ''
    expect((await looking.sendRaw('/queues/orders/purge', `token=${token}`)).status).toBe(403)
    expect((await browse(engine, 'orders')).messages).toHaveLength(1)
  })

  test('with hidden payloads neither body nor attribute is in any page', async () => {
    const hiding = testConsole(engine, { hidePayloads: true })
    const id = await send('the secret', { attributes: { key: { dataType: 'String', value: 'the secret too' } } })
    for (const address of [
      '',
      '/queues/orders',
      `/queues/orders/messages/${id}`,
      `/queues/orders/messages/${id}/edit`,
    ]) {
      expect((await hiding.see(address)).html).not.toContain('secret')
    }
  })

  test('with hidden payloads nobody finds out what a body contains', async () => {
    const hiding = testConsole(engine, { hidePayloads: true })
    await fail('the secret')
    expect((await hiding.see('/queues/orders/dead')).html).not.toContain('bodyContains')
    const wish = { which: 'all', bodyContains: 'the s' }
    for (const action of ['dead/try', 'redrive']) {
      expect((await hiding.send(`/queues/orders-failed/${action}`, wish)).status).toBe(403)
    }
    expect((await browse(engine, 'orders')).messages).toEqual([])
  })

  test('no browser keeps a page', async () => {
    for (const address of ['', '/queues/orders', '/queues/none']) {
      expect((await view.see(address)).headers.get('cache-control')).toBe('no-store')
    }
  })

  test('what messages and queues hold is text, and never markup', async () => {
    const id = await send('<script>alert(1)</script>', {
      attributes: { '<i>': { dataType: 'String', value: '"><img src=x>' } },
      groupId: '<b>',
    })
    for (const address of [
      '/queues/orders',
      `/queues/orders/messages/${id}`,
      '/queues/orders/groups',
      '?prefix=%22%3E%3Cimg',
    ]) {
      expect((await view.see(address)).html).not.toMatch(/<script>|<img|<i>|<b><\/a/)
    }
  })

  test('every answer forbids scripts in pages, foreign assets and frames', async () => {
    for (const address of ['', '/queues/none', '/nothing', '/assets/x/y']) {
      const { headers } = await view.see(address)
      expect(headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
    expect((await view.see()).html).not.toMatch(/ style=|<style|<script(?! src="\/console\/assets)|https?:\/\//)
  })
})

test('page and assets together have at most 100 KB compressed', async () => {
  for (let index = 0; index < 20; index++) await createQueue(engine, `queue-${index}`)
  const { html } = await view.see()
  const assets = [...html.matchAll(/(?:src|href)="\/console(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '')
  expect(assets).toHaveLength(3)
  const shown = await Promise.all(assets.map((path) => view.see(path)))
  expect(shown.map(({ status }) => status)).toEqual([200, 200, 200])
  const bytes = [html, ...shown.map((one) => one.html)].map((one) => gzipSync(one).length)
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000)
})

describe('a name that no queue can have', () => {
  test.each(['', '/settings', '/dead', '/groups', '/purge', '/delete'])('is refused at …%s', async (rest) => {
    const id = await send('{"order":1}')
    for (const name of ['orders%2Fmessages', `orders%2Fmessages%2F${id}`, '..%2Fqueues', 'a%20b']) {
      const { status, html } = await view.see(`/queues/${name}${rest}`)
      expect([name, status]).toEqual([name, 400])
      expect(text(html)).toContain('queue')
    }
  })

  test('leads to no other change than the one that its form names', async () => {
    const id = await send('{"order":1}')
    const { status } = await view.send(`/queues/orders%2Fmessages%2F${id}/delete`)
    expect(status).toBe(400)
    expect((await browse(engine, 'orders')).messages).toHaveLength(1)
  })
})

test('a row unpacks little, the page of the message much', async () => {
  const inside = JSON.stringify({ word: 'unpacked', zeros: Array.from({ length: 60_000 }, () => 0) })
  const id = await send(gzipSync(inside).toString('base64'))
  expect(text((await view.see('/queues/orders')).html)).not.toContain('unpacked')
  expect(text((await view.see(`/queues/orders/messages/${id}`)).html)).toContain('unpacked')
})

test.each([
  ['deeply', '['.repeat(7_000) + ']'.repeat(7_000)],
  ['widely', gzipSync(`${'['.repeat(200)}${'0,'.repeat(1_800_000)}0${']'.repeat(200)}`).toString('base64')],
])('JSON that is nested too %s to be indented is shown as it is', async (_, body) => {
  const id = await send(body)
  expect((await view.see('/queues/orders')).status).toBe(200)
  const { status, html } = await view.see(`/queues/orders/messages/${id}`)
  expect(status).toBe(200)
  expect(html).toContain(`>${'['.repeat(200)}`)
})
