import { expect, test } from 'vitest'
import { publish } from '../../lib/publish/publish.ts'
import { engineWithQueue } from '../support/test-engine.ts'
import { runCommand } from './command.ts'

/** Runs `holdfast console` while `use` works with its address, and then presses Ctrl-C. */
const withConsole = async (options: readonly string[], use: (url: string) => Promise<void>) => {
  const engine = await engineWithQueue()
  await publish(engine, 'orders', [{ body: 'the payload' }])
  let press = () => {}
  const target = { url: '' }
  const running = runCommand(['console', '--port', '0', '--json', ...options], {
    engine,
    interrupt: (pressing) => {
      press = pressing
    },
    onOutput: (text) => {
      target.url ||= /"url":"([^"]+)"/.exec(text)?.[1] ?? ''
    },
  })
  while (target.url === '') await new Promise((resolve) => setImmediate(resolve))
  try {
    await use(target.url)
  } finally {
    press()
  }
  return { engine, ran: await running }
}

test('holdfast console serves pages on this machine until Ctrl-C', async () => {
  const { ran } = await withConsole([], async (url) => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/console$/)
    const page = await fetch(`${url}/queues/orders`)
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('the payload')])
    const start = await fetch(new URL('/', url), { redirect: 'manual' })
    expect([start.status, start.headers.get('location')]).toEqual([302, '/console'])
    expect((await fetch(new URL('/queues', url))).status).toBe(404)
  })
  expect(ran.code).toBe(0)
})

test('holdfast console gives pages of other sites nothing', async () => {
  await withConsole([], async (url) => {
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      expect((await fetch(url, { headers })).status).toBe(403)
    }
  })
})

test('holdfast console hides payloads and changes nothing where it is told to', async () => {
  await withConsole(['--read-only', '--hide-payloads'], async (url) => {
    const html = await (await fetch(`${url}/queues/orders`)).text()
    expect(html).toContain('read-only')
    expect(html).not.toContain('the payload')
    const purge = await fetch(`${url}/queues/orders/purge`, {
      method: 'POST',
      body: new URLSearchParams({ token: '' }),
    })
    expect(purge.status).toBe(403)
  })
})
