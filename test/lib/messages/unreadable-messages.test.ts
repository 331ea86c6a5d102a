import { expect, test } from 'vitest'
import { createApp } from '../../../functions/http/app.ts'
import { allOperations } from '../../../functions/operations/all.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { createClient } from '../../../lib/client.ts'
import type { Engine } from '../../../lib/engine.ts'
import { browse } from '../../../lib/messages/browse.ts'
import { runCommand } from '../../cli/command.ts'
import { testConsole } from '../../console/test-console.ts'
import { tableWorld } from '../../fuzz/table-world.ts'

/** An engine on a table in which two segments of `orders` can't be read: the header of one, the content of the other. */
const damaged = async (): Promise<{ readonly engine: Engine; readonly items: readonly string[] }> => {
  const { items, process } = await tableWorld()
  const [header = '', content = ''] = [...items.keys()].filter((name) => name.startsWith('s#orders#')).sort()
  items.set(header, { ...items.get(header), A: { B: Uint8Array.of(1, 2) } })
  items.set(content, { ...items.get(content), p: { B: Uint8Array.of(7) } })
  return { engine: process(), items: [header, content] }
}

const REASONS = ['its attribute A is no lease', 'its content has the unknown format 7']

test('a page names the items whose messages it lacks, and has the others', async () => {
  const { engine, items } = await damaged()
  const { messages, unreadable } = await browse(engine, 'orders', { limit: 100 })
  expect(messages.length).toBeGreaterThan(0)
  expect(unreadable).toEqual(items.map((item, place) => ({ item, reason: REASONS[place] })))
})

test("a page names an unreadable header whatever states were asked for, since nobody knows its messages' states", async () => {
  const { engine, items } = await damaged()
  for (const state of ['ready', 'leased'] as const) {
    const { unreadable } = await browse(engine, 'orders', { limit: 100, states: [state] })
    expect(unreadable?.map(({ item }) => item)).toContain(items[0])
  }
})

test('a page with all of its messages names nothing', async () => {
  const { process } = await tableWorld()
  expect(await browse(process(), 'orders', { limit: 100 })).not.toHaveProperty('unreadable')
})

test('a client of the HTTP API gets them too', async () => {
  const { engine } = await damaged()
  const app = createApp({ operations: allOperations(async () => {}), engine: () => engine, log: silentLog })
  const fetch = async (input: unknown, init?: RequestInit) =>
    app.fetch(new Request(input as URL, init), { path: new URL(input as URL).pathname })
  const queue = createClient({ url: 'http://localhost:9324', fetch }).queue('orders')
  const { unreadable } = await queue.browse({ limit: 100 })
  expect(unreadable).toEqual((await browse(engine, 'orders', { limit: 100 })).unreadable)
})

test('the command line names them on stderr, once each', async () => {
  const { engine, items } = await damaged()
  for (const command of ['peek', 'export']) {
    const { stderr, records } = await runCommand([command, 'orders'], { engine })
    expect(records.length).toBeGreaterThan(0)
    for (const [place, item] of items.entries())
      expect(
        stderr.split(`the messages of the item ${item} are left out, since it can't be read: ${REASONS[place]}`),
      ).toHaveLength(2)
  }
})

test('the console names them, without the reason where payloads are hidden', async () => {
  const { engine, items } = await damaged()
  for (const screen of ['', '/groups']) {
    const { html } = await testConsole(engine).see(`/queues/orders${screen}`)
    expect(html).toMatch(/The messages of [12] stored items? can't be read/)
    expect(html).toContain(`<code>${items[0]}</code>: ${REASONS[0]}`)
  }
  const { html } = await testConsole(engine, { hidePayloads: true }).see('/queues/orders')
  expect(html).toContain(`<code>${items[0]}</code>`)
  expect(html).not.toContain(REASONS[0])
})
