import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestQueue } from 'holdfast/testing'
import { type Reminder, remind } from './reminders.ts'

const DAY_MS = 86_400_000

test('a reminder goes out a day later, and once more when the mail server is busy', async () => {
  const reminders = await createTestQueue<Reminder>({ name: 'reminders' })
  const answers = ['busy', 'sent'] as const
  const mails: string[] = []
  const handler = remind(async (to) => answers[mails.push(to) - 1] ?? 'sent')

  await reminders.publish({ to: 'ada@example.com' }, { delaySeconds: 86_400 })
  assert.deepEqual(await reminders.drain(handler), []) // not due yet

  await reminders.advance(DAY_MS) // takes no time: the queue's clock is the test's
  const [put] = await reminders.drain(handler)
  assert.equal(put?.kind, 'retried')

  await reminders.advance(600_000)
  const [done] = await reminders.drain(handler)
  assert.equal(done?.kind, 'acked')
  assert.deepEqual(mails, ['ada@example.com', 'ada@example.com'])
  assert.deepEqual(await reminders.deadLetters(), [])
})
